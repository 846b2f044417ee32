use super::*;

mod questions;

fn minute(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

/// People, as far as notices reach them.
struct People {
    kind: NoticeKind,
    noticed: Option<Noticed>,
}

impl People {
    fn told_of(kind: NoticeKind) -> Self {
        Self { kind, noticed: None }
    }

    /// What they are told of that: the stable word, or nothing.
    fn hear(&mut self, news: &News) -> Option<String> {
        let turn = transition(self.kind, self.noticed.as_ref(), news)?;
        let before = self.noticed.as_ref();
        let of = (ConnectionId::from_bits(1), self.kind);
        self.noticed = Some(Noticed::after(before, of, news, turn.told));
        turn.telling.map(|telling| telling.reason().to_owned())
    }
}

fn run(at: i64, kind: RunKind, status: RunStatus) -> EndedRun {
    EndedRun { at: minute(at), kind, status, reason: None, counts: Counts::default() }
}

fn full(at: i64, status: RunStatus) -> News {
    News::Ended(run(at, RunKind::Full, status))
}

fn look(at: i64, status: RunStatus) -> News {
    News::Ended(run(at, RunKind::Delta, status))
}

fn failed(at: i64, kind: RunKind, reason: &str) -> News {
    News::Ended(EndedRun { reason: Some(reason.to_owned()), ..run(at, kind, RunStatus::Failed) })
}

fn partial(at: i64, kind: RunKind, failed: u64, reason: Option<&str>) -> News {
    News::Ended(EndedRun {
        reason: reason.map(str::to_owned),
        counts: Counts { failed, ..Counts::default() },
        ..run(at, kind, RunStatus::Partial)
    })
}

fn needs(reason: &str, at: i64) -> News {
    News::NeedsPerson { reason: reason.to_owned(), fix: "do it".to_owned(), since: minute(at) }
}

#[test]
fn lost_consent_is_told_once_and_that_it_is_given_again() {
    let mut people = People::told_of(NoticeKind::Failure);
    assert_eq!(people.hear(&needs("consent-lost", 1)), Some("consent-lost".to_owned()));
    assert_eq!(people.hear(&needs("consent-lost", 1)), None, "the run that showed it ends");
    assert_eq!(people.hear(&needs("consent-lost", 60)), None, "somebody resumed in vain");
    assert_eq!(people.hear(&needs("blocked-by-policy", 70)), Some("blocked-by-policy".to_owned()));
    assert_eq!(people.hear(&News::Consented { at: minute(80) }), Some("recovered".to_owned()));
    assert_eq!(people.hear(&full(81, RunStatus::Succeeded)), None);
    assert_eq!(people.hear(&needs("consent-lost", 90)), Some("consent-lost".to_owned()));
}

#[test]
fn a_failure_is_told_again_only_as_another_one_or_after_it_was_mended() {
    let mut people = People::told_of(NoticeKind::Failure);
    let delta = RunKind::Delta;
    assert_eq!(people.hear(&look(1, RunStatus::Succeeded)), None);
    assert_eq!(
        people.hear(&failed(2, delta, "no answer after 31 tries")),
        Some("run-failed".to_owned())
    );
    assert_eq!(people.hear(&failed(3, delta, "no answer after 32 tries")), None);
    assert_eq!(
        people.hear(&failed(4, delta, "the page was refused")),
        Some("run-failed".to_owned())
    );
    assert_eq!(people.hear(&look(5, RunStatus::Succeeded)), Some("recovered".to_owned()));
    assert_eq!(people.hear(&look(6, RunStatus::Succeeded)), None);
    assert_eq!(
        people.hear(&failed(7, delta, "the page was refused")),
        Some("run-failed".to_owned())
    );
}

#[test]
fn looks_that_work_do_not_hide_full_runs_that_fail() {
    let mut people = People::told_of(NoticeKind::Failure);
    assert_eq!(people.hear(&failed(1, RunKind::Delta, "no answer")), Some("run-failed".to_owned()));
    assert_eq!(people.hear(&failed(2, RunKind::Full, "no answer")), None);
    assert_eq!(people.hear(&look(3, RunStatus::Succeeded)), None);
    assert_eq!(people.hear(&failed(4, RunKind::Full, "no answer")), None);
    assert_eq!(people.hear(&full(5, RunStatus::Blocked)), Some("recovered".to_owned()));
}

#[test]
fn failed_records_are_told_once_until_a_full_run_has_none() {
    let mut people = People::told_of(NoticeKind::Failure);
    assert_eq!(people.hear(&partial(1, RunKind::Full, 3, None)), Some("records-failed".to_owned()));
    assert_eq!(people.hear(&partial(2, RunKind::Delta, 1, None)), None);
    assert_eq!(people.hear(&look(3, RunStatus::Succeeded)), None, "it did not read them");
    assert_eq!(people.hear(&partial(4, RunKind::Full, 4, None)), None);
    let gap = Some("the run cannot prove that it dealt with everybody: 7 are missing");
    assert_eq!(people.hear(&partial(5, RunKind::Full, 4, gap)), Some("records-failed".to_owned()));
    assert_eq!(people.hear(&full(6, RunStatus::Succeeded)), Some("recovered".to_owned()));
    let follows = Some("a full run follows");
    assert_eq!(people.hear(&partial(7, RunKind::Delta, 0, follows)), None);
}

#[test]
fn many_more_failed_records_are_told_though_a_few_fail_for_good() {
    let mut people = People::told_of(NoticeKind::Failure);
    let told = Some("records-failed".to_owned());
    let full = |at: i64, failed: u64| partial(at, RunKind::Full, failed, None);
    assert_eq!(people.hear(&full(1, 1)), told);
    assert_eq!(people.hear(&full(2, 2)), None, "doubled, but only one more");
    assert_eq!(people.hear(&full(3, 4_000)), told, "a mapping that is wrong");
    assert_eq!(people.hear(&full(4, 4_000)), None);
    assert_eq!(people.hear(&partial(5, RunKind::Delta, 1, None)), None);
    assert_eq!(people.hear(&full(6, 7_999)), None);
    // It was mended for all but one; a look, too, shows that more fail.
    assert_eq!(people.hear(&full(7, 1)), None);
    assert_eq!(people.hear(&partial(8, RunKind::Delta, 40, None)), told);
    assert_eq!(people.hear(&full(9, 50)), None, "more, but not twice as many");
    assert_eq!(people.hear(&full(10, 80)), told);
}

#[test]
fn what_an_earlier_release_told_of_failed_records_is_not_told_again() {
    let mut people = People::told_of(NoticeKind::Failure);
    let told = serde_json::from_value(serde_json::json!({"state": "partial", "gist": ""})).unwrap();
    people.hear(&partial(1, RunKind::Full, 3, None));
    people.noticed.as_mut().unwrap().told = told;
    assert_eq!(people.hear(&partial(2, RunKind::Full, 30, None)), None);
    assert_eq!(
        people.hear(&partial(3, RunKind::Full, 90, None)).as_deref(),
        Some("records-failed")
    );
}

#[test]
fn what_comes_late_or_twice_is_no_news() {
    let mut people = People::told_of(NoticeKind::Failure);
    assert_eq!(people.hear(&failed(5, RunKind::Delta, "no answer")), Some("run-failed".to_owned()));
    assert_eq!(people.hear(&look(4, RunStatus::Succeeded)), None);
    assert_eq!(people.hear(&look(6, RunStatus::Succeeded)), Some("recovered".to_owned()));
    assert_eq!(people.hear(&failed(5, RunKind::Delta, "no answer")), None);
}

#[test]
fn held_removals_are_told_when_held_and_when_let_go() {
    let mut people = People::told_of(NoticeKind::Guard);
    assert_eq!(people.hear(&full(1, RunStatus::Succeeded)), None);
    assert_eq!(people.hear(&full(2, RunStatus::Blocked)), Some("removals-held".to_owned()));
    assert_eq!(people.hear(&look(3, RunStatus::Blocked)), None);
    let follows = partial(4, RunKind::Delta, 0, Some("a full run follows"));
    assert_eq!(people.hear(&follows), None, "it did not judge");
    assert_eq!(people.hear(&look(5, RunStatus::Failed)), None);
    assert_eq!(people.hear(&full(6, RunStatus::Succeeded)), Some("removals-released".to_owned()));
    assert_eq!(people.hear(&full(7, RunStatus::Blocked)), Some("removals-held".to_owned()));
}

#[test]
fn changes_are_told_at_most_hourly_and_none_is_left_out() {
    let changed = |at: i64, created: u64| {
        News::Ended(EndedRun {
            counts: Counts { created, ..Counts::default() },
            ..run(at, RunKind::Delta, RunStatus::Succeeded)
        })
    };
    let mut people = People::told_of(NoticeKind::Changes);
    assert_eq!(people.hear(&changed(1, 0)), None);
    assert_eq!(people.hear(&changed(2, 5)), Some("contacts-changed".to_owned()));
    assert_eq!(people.hear(&changed(30, 1)), None);
    assert_eq!(people.hear(&changed(30, 1)), None, "the same event again");
    assert_eq!(people.hear(&changed(61, 2)), None);
    let turn = transition(NoticeKind::Changes, people.noticed.as_ref(), &changed(62, 4)).unwrap();
    let Some(Telling::ContactsChanged(told)) = turn.telling else { panic!("an hour is over") };
    assert_eq!(told.created, 7);
}

#[test]
fn changes_that_were_not_told_are_told_when_an_hour_has_passed_and_nothing_else_comes() {
    let changed = |at: i64, created: u64| {
        News::Ended(EndedRun {
            counts: Counts { created, ..Counts::default() },
            ..run(at, RunKind::Delta, RunStatus::Succeeded)
        })
    };
    let passed = |at: i64| News::Passed { at: minute(at) };
    let mut people = People::told_of(NoticeKind::Changes);
    assert_eq!(people.hear(&passed(1)), None, "nothing ever changed");
    assert_eq!(people.hear(&changed(2, 5)), Some("contacts-changed".to_owned()));
    assert_eq!(people.noticed.as_ref().unwrap().told.due(), None, "all is told");
    assert_eq!(people.hear(&passed(10)), None);
    assert_eq!(people.hear(&changed(30, 40)), None);
    assert_eq!(people.noticed.as_ref().unwrap().told.due(), Some(minute(62)));
    assert_eq!(people.hear(&passed(61)), None, "too early");
    let turn = transition(NoticeKind::Changes, people.noticed.as_ref(), &passed(75)).unwrap();
    let Some(Telling::ContactsChanged(told)) = turn.telling else { panic!("an hour is over") };
    assert_eq!(told.created, 40);
    assert_eq!(people.hear(&passed(75)), Some("contacts-changed".to_owned()));
    assert_eq!(people.hear(&passed(76)), None, "it is told");
    // A run that ended before that and is heard of only now is not lost.
    assert_eq!(people.hear(&changed(74, 3)), None);
    assert_eq!(people.noticed.as_ref().unwrap().told.due(), Some(minute(135)));
    assert_eq!(people.hear(&passed(135)), Some("contacts-changed".to_owned()));
}

#[test]
fn nobody_hears_of_a_connection_that_was_let_go() {
    let mut people = People::told_of(NoticeKind::Failure);
    assert_eq!(people.hear(&needs("consent-lost", 1)), Some("consent-lost".to_owned()));
    assert_eq!(people.hear(&News::LetGo { at: minute(2) }), None);
    assert_eq!(people.hear(&full(3, RunStatus::Succeeded)), None, "nothing was mended");
    assert_eq!(people.hear(&needs("consent-lost", 4)), Some("consent-lost".to_owned()));
}

#[test]
fn each_plan_that_waits_is_told_once() {
    let mut people = People::told_of(NoticeKind::Plan);
    let made = |number: u128, at: i64| {
        News::Planned(PlanMade {
            run: RunId::from_bits(number),
            at: minute(at),
            until: minute(at + 24 * 60),
            changes: Changes { created: 2, ..Changes::default() },
            held: 0,
        })
    };
    assert_eq!(people.hear(&made(1, 5)).as_deref(), Some("plan-waits"));
    assert_eq!(people.hear(&made(1, 5)), None, "the event comes again");
    assert_eq!(people.hear(&made(2, 9)).as_deref(), Some("plan-waits"));
    assert_eq!(people.hear(&made(1, 5)), None, "and later still");
    assert_eq!(people.hear(&full(20, RunStatus::Succeeded)), None);
}
