use proptest::prelude::*;

use super::*;

const CAUSES: [GoneCause; 3] = [GoneCause::SoftDeleted, GoneCause::LeftGroup, GoneCause::Disabled];

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + hour * 3600).unwrap()
}

fn group(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

fn linked(linked: u64) -> Base<'static> {
    static NOBODY: BTreeMap<ObjectId, u64> = BTreeMap::new();
    Base { linked, members: &NOBODY }
}

fn five() -> GuardLimits {
    GuardLimits { max_count: 5, max_percent: 100.0, ..GuardLimits::default() }
}

fn plain() -> Removal<'static> {
    Removal { cause: GoneCause::HardDeleted, groups: &[] }
}

fn done(count: u64) -> Counted {
    let mut done = Counted::default();
    (0..count).for_each(|_| done.add(plain()));
    done
}

/// What becomes of so many removals of no particular kind, after so many of the same run.
fn judged(
    limits: &GuardLimits,
    window: &GuardWindow,
    (run, before, count): (&str, u64, usize),
    hour: i64,
) -> Verdict {
    let (before, removals) = (done(before), vec![plain(); count]);
    let asked = Asked { run, done: &before, removals: &removals };
    limits.judge(window, asked, linked(1_000), at(hour))
}

#[test]
fn the_allowance_is_the_smaller_of_count_and_share_and_never_below_five() {
    let limits = GuardLimits::default();
    for (linked, allowed) in [(0, 5), (10, 5), (100, 5), (101, 6), (2_000, 100), (100_000, 500)] {
        assert_eq!(limits.allowance(linked), allowed, "{linked} linked");
    }
    assert_eq!(GuardLimits { max_count: 0, ..limits }.allowance(1_000), 0);
    let limit = Limit { max_count: Some(3), max_percent: Some(10.0) };
    for (members, allowed) in [(0, 0), (10, 1), (11, 2), (20, 2), (1_000, 3)] {
        assert_eq!(limit.allowance(members), allowed, "{members} members");
    }
}

#[test]
fn a_slow_drip_is_stopped_by_the_window_and_released_after_it() {
    let limits = GuardLimits { max_count: 10, ..five() };
    let mut window = GuardWindow::default();
    for (hour, run) in [(0, "a"), (1, "b")] {
        let verdict = judged(&limits, &window, (run, 0, 5), hour);
        assert_eq!(verdict.exceeded, []);
        window = verdict.window;
    }
    let third = judged(&limits, &window, ("c", 0, 1), 2);
    let numbers = |verdict: &Verdict| {
        let limit = &verdict.exceeded[0];
        (limit.count, limit.allowed, limit.used, limit.left, limit.next_release)
    };
    assert_eq!(numbers(&third), (1, 10, 10, 0, Some(at(24))));
    assert_eq!((third.window, third.exceeded.len()), (window.clone(), 1));
    assert_eq!(judged(&limits, &window, ("d", 0, 5), 24).exceeded, []);
}

#[test]
fn judging_a_run_again_after_a_crash_counts_once_and_grants_no_more() {
    let window = judged(&five(), &GuardWindow::default(), ("a", 0, 5), 0).window;
    for (before, count) in [(0, 5), (2, 3), (2, 1), (5, 0)] {
        let again = judged(&five(), &window, ("a", before, count), 0);
        assert_eq!((&again.window, again.exceeded.len()), (&window, 0), "{before} and {count}");
    }
    for (before, count) in [(5, 1), (5, 5), (2, 4)] {
        let again = judged(&five(), &window, ("a", before, count), 0);
        assert_eq!((&again.window, again.exceeded.len()), (&window, 1), "{before} and {count}");
        assert_eq!((again.exceeded[0].left, again.exceeded[0].allowed), (0, 5));
    }
}

#[test]
fn what_was_done_after_its_grant_had_left_the_window_counts_all_the_same() {
    for count in [0, 3] {
        let window = judged(&five(), &GuardWindow::default(), ("a", 5, count), 30).window;
        let next = judged(&five(), &window, ("b", 0, 1), 31);
        assert_eq!(next.exceeded[0].left, 0, "{count}: {next:?}");
    }
}

#[test]
fn what_a_crashed_run_does_hours_later_begins_the_window_anew() {
    let mut window = GuardWindow::default();
    for (hour, before, count) in [(0, 0, 5), (12, 1, 4)] {
        let verdict = judged(&five(), &window, ("a", before, count), hour);
        assert_eq!(verdict.exceeded, []);
        window = verdict.window;
    }
    assert_eq!(judged(&five(), &window, ("b", 0, 5), 24).exceeded[0].left, 0);
    let room = five().room(&window, linked(100), at(24));
    let expected = Room { allowed: 5, used: 5, left: 0, next_release: Some(at(36)) };
    assert_eq!(room, expected, "the window says when it makes room");
    assert_eq!(judged(&five(), &window, ("b", 0, 5), 36).exceeded, []);
}

/// Somebody makes the window shorter and long again, between two runs that remove.
#[test]
fn a_window_that_was_shorter_for_a_while_forgets_nothing() {
    let shorter = GuardLimits { window_hours: 1, ..five() };
    let mut window = GuardWindow::default();
    for (limits, run, count, hour) in
        [(five(), "a", 2, 0), (five(), "b", 1, 1), (shorter, "c", 1, 3)]
    {
        let verdict = judged(&limits, &window, (run, 0, count), hour);
        assert_eq!(verdict.exceeded, [], "{run}");
        window = verdict.window;
    }
    assert_eq!(five().room(&window, linked(100), at(4)).left, 1, "{window:?}");
    let fourth = judged(&five(), &window, ("d", 0, 2), 4);
    assert_eq!(fourth.exceeded.len(), 1, "two, where one is left: {fourth:?}");
    // What lies before today's window is one entry a day, and goes with the longest window.
    let yearly = GuardLimits { max_count: 9_000, window_hours: 1, ..five() };
    for hour in 0..2_000 {
        window = judged(&yearly, &window, (&hour.to_string(), 0, 1), hour).window;
    }
    assert!(window.done.len() <= 32, "{} entries", window.done.len());
    let longest = GuardLimits { window_hours: LONGEST_WINDOW, ..yearly };
    let used = longest.room(&window, linked(9_000), at(1_999)).used;
    assert!((720..744).contains(&used), "{used}");
}

/// Limits of the causes and of two groups.
fn narrow(causes: [Option<u64>; 3], groups: [Option<u64>; 2]) -> GuardLimits {
    let limit =
        |most: Option<u64>| most.map(|most| Limit { max_count: Some(most), max_percent: None });
    let [soft_deleted, left_group, disabled] = causes.map(limit);
    let groups = groups.into_iter().zip(1..).filter_map(|(most, number)| {
        Some(GroupLimit { group: group(number), max_count: Some(most?), max_percent: None })
    });
    GuardLimits {
        causes: CauseLimits { soft_deleted, left_group, disabled, ..CauseLimits::default() },
        groups: groups.collect(),
        ..five()
    }
}

#[test]
fn a_narrower_limit_holds_what_it_names_and_the_rest_goes() {
    let limits = narrow([Some(1), None, None], [None, Some(1)]);
    let second = [group(2)];
    let of = |cause, groups| Removal { cause, groups };
    let (deleted, left) = (GoneCause::SoftDeleted, GoneCause::LeftGroup);
    let removals = [of(deleted, &[]), of(left, &[]), of(deleted, &second), of(left, &[])];
    let asked = Asked { run: "a", done: &Counted::default(), removals: &removals };
    let verdict = limits.judge(&GuardWindow::default(), asked, linked(100), at(0));
    let held: Vec<bool> = removals.iter().map(|removal| verdict.holds(*removal)).collect();
    assert_eq!(held, [true, false, true, false], "one in the second group is allowed: {verdict:?}");
    assert_eq!(verdict.exceeded.len(), 1);
    assert_eq!(verdict.exceeded[0].of, Limited::Cause(deleted));
    assert_eq!((verdict.exceeded[0].count, verdict.exceeded[0].allowed), (2, 1));
    let entry = &verdict.window.done[0];
    assert_eq!((entry.count, &entry.causes), (2, &BTreeMap::from([(left, 2)])));
    let more = vec![of(left, &[] as &[ObjectId]); 4];
    let asked = Asked { run: "b", removals: &more, ..asked };
    let verdict = limits.judge(&verdict.window, asked, linked(100), at(1));
    assert_eq!(verdict.exceeded[0].of, Limited::Connection, "it is the upper bound still");
    assert!(more.iter().all(|removal| verdict.holds(*removal)));
}

#[test]
fn a_window_of_the_last_release_counts_to_every_cause() {
    let stored = r#"{"done":[{"at":"1970-01-12T13:46:40Z","count":2,"run":"a"}]}"#;
    let window: GuardWindow = serde_json::from_str(stored).unwrap();
    let limits = narrow([Some(2), None, None], [None, None]);
    let removals = [Removal { cause: GoneCause::SoftDeleted, groups: &[] }];
    let asked = Asked { run: "b", done: &Counted::default(), removals: &removals };
    let verdict = limits.judge(&window, asked, linked(100), at(1));
    assert!(verdict.holds(removals[0]), "both may have been deleted: {verdict:?}");
    assert_eq!(limits.judge(&window, asked, linked(100), at(24)).exceeded, []);
    let written = serde_json::to_string(&window).unwrap();
    assert_eq!(written, stored, "and is written as it was");
}

#[test]
fn what_a_limit_says_is_read_back_as_it_was_stored() {
    for of in [Limited::Connection, Limited::Cause(GoneCause::LeftGroup), Limited::Group(group(7))]
    {
        let room = Room { allowed: 3, used: 1, left: 2, next_release: Some(at(3)) };
        let view = LimitView { name: Some("Sales".into()), ..LimitView::new(of, 4, room, true) };
        let stored = serde_json::to_value(&view).unwrap();
        assert_eq!(serde_json::from_value::<LimitView>(stored).unwrap(), view);
    }
}

/// Somebody who leaves: why, and of which groups.
fn leaver() -> impl Strategy<Value = (GoneCause, Vec<ObjectId>)> {
    let groups = proptest::sample::subsequence(vec![group(1), group(2)], 0..=2);
    (proptest::sample::select(CAUSES.to_vec()), groups)
}

/// What happens to one run: who asks, how much of what was granted is done before it dies or ends,
/// and how many hours later the next thing happens.
type Step = (bool, Vec<(GoneCause, Vec<ObjectId>)>, usize, i64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<bool>(), prop::collection::vec(leaver(), 0..5), 0..6_usize, 0..30_i64);
    prop::collection::vec(step, 1..24)
}

fn limits() -> impl Strategy<Value = GuardLimits> {
    let most = || prop::option::of(0..5_u64);
    ([most(), most(), most()], [most(), most()]).prop_map(|(causes, groups)| narrow(causes, groups))
}

proptest! {
    /// Runs die after their grant is stored, lie dead for hours, and are judged again with others.
    #[test]
    fn no_window_loses_more_than_any_of_its_limits_allows(limits in limits(), steps in steps()) {
        let mut window = GuardWindow::default();
        let (mut run, mut before, mut now) = (0, Counted::default(), 0);
        let mut losses: Vec<(i64, GoneCause, Vec<ObjectId>)> = Vec::new();
        for (dies, leavers, does, hours) in steps {
            let removals: Vec<Removal<'_>> = leavers
                .iter()
                .map(|(cause, groups)| Removal { cause: *cause, groups })
                .collect();
            let name = run.to_string();
            let asked = Asked { run: &name, done: &before, removals: &removals };
            let verdict = limits.judge(&window, asked, linked(100), at(now));
            let goes: Vec<Removal<'_>> =
                removals.iter().copied().filter(|one| !verdict.holds(*one)).collect();
            window = verdict.window;
            for one in goes.iter().take(if dies { does } else { goes.len() }) {
                before.add(*one);
                losses.push((now, one.cause, one.groups.to_vec()));
            }
            if !dies {
                run += 1;
                before = Counted::default();
            }
            for of in limits.limited() {
                let recent = losses.iter().filter(|(when, cause, groups)| {
                    *when > now - 24 && of.names(Removal { cause: *cause, groups })
                });
                let allowed = limits.allowed(&of, linked(100));
                let lost = u64::try_from(recent.count()).unwrap();
                prop_assert!(lost <= allowed, "{of:?}: {lost} of {allowed} at {now}");
            }
            now += hours;
        }
    }

    /// Setting a limit never lets anybody go who would not have gone without it.
    #[test]
    fn a_narrower_limit_only_ever_holds_back(
        limits in limits(),
        leavers in prop::collection::vec(leaver(), 0..9),
    ) {
        let removals: Vec<Removal<'_>> =
            leavers.iter().map(|(cause, groups)| Removal { cause: *cause, groups }).collect();
        let asked = Asked { run: "a", done: &Counted::default(), removals: &removals };
        let judge = |limits: &GuardLimits| {
            limits.judge(&GuardWindow::default(), asked, linked(100), at(0))
        };
        let (narrow, wide) = (judge(&limits), judge(&five()));
        for removal in &removals {
            prop_assert!(narrow.holds(*removal) || !wide.holds(*removal));
        }
    }
}

/// The release before knows no narrower limits, and reads no document that names them.
#[test]
fn a_document_without_narrower_limits_is_the_one_that_was_written_before() {
    let written = serde_json::to_value(GuardLimits::default()).unwrap();
    let members: Vec<&String> = written.as_object().unwrap().keys().collect();
    assert_eq!(members, ["maxCount", "maxPercent", "windowHours"]);
    assert_eq!(serde_json::from_value::<GuardLimits>(written).unwrap(), GuardLimits::default());
}
