use super::*;

const DAY: i64 = 24 * 60;

/// A list with so many questions, the oldest and the newest put at these minutes.
fn open(list: ReviewList, count: u64, oldest: i64, newest: i64) -> OpenList {
    let (oldest, newest) = (minute(oldest), minute(newest));
    OpenList { list, count, more: false, oldest, newest, stands: false }
}

fn waits(at: i64, lists: &[OpenList]) -> News {
    News::Waits { at: minute(at), lists: lists.to_vec() }
}

impl People {
    fn are_told(&mut self, at: i64, lists: &[OpenList]) -> bool {
        let told = self.hear(&waits(at, lists));
        assert!(told.as_deref().is_none_or(|told| told == "decisions-waiting"), "{told:?}");
        told.is_some()
    }

    fn due(&self) -> Option<Timestamp> {
        self.noticed.as_ref()?.told.due()
    }
}

#[test]
fn decisions_are_told_when_they_wait_where_none_did_and_not_again_while_the_same_wait() {
    use ReviewList::Matched;
    let mut people = People::told_of(NoticeKind::Review);
    assert!(!people.are_told(1, &[]));
    assert!(people.are_told(10, &[open(Matched, 3, 9, 9)]));
    for day in 0..9 {
        assert!(!people.are_told(20 + day * DAY, &[open(Matched, 3, 9, 9)]), "on day {day}");
    }
    assert!(!people.are_told(10 * DAY, &[]));
    assert!(people.are_told(11 * DAY, &[open(Matched, 1, 11 * DAY, 11 * DAY)]));
    // All were decided between two runs, and nobody looked while nothing waited.
    assert!(people.are_told(11 * DAY + 9, &[open(Matched, 1, 11 * DAY + 8, 11 * DAY + 8)]));
}

#[test]
fn a_question_that_nobody_answers_mutes_no_other() {
    use ReviewList::{Changes, Conflicts};
    let mut people = People::told_of(NoticeKind::Review);
    let stuck = open(Conflicts, 1, 1, 1);
    assert!(people.are_told(2, std::slice::from_ref(&stuck)));
    assert!(!people.are_told(5, std::slice::from_ref(&stuck)));
    // In another list at once, in its own after a day.
    let change = open(Changes, 1, 6, 6);
    let news = waits(7, &[stuck.clone(), change.clone()]);
    let turn = transition(NoticeKind::Review, people.noticed.as_ref(), &news).unwrap();
    let Some(Telling::DecisionsWait(waiting)) = turn.telling else { panic!("a change waits") };
    assert_eq!(waiting, Waiting { count: 2, more: false });
    assert!(people.are_told(7, &[stuck.clone(), change.clone()]));
    assert!(!people.are_told(8, &[stuck.clone(), change.clone()]));
    assert_eq!(people.due(), None);
    let second = open(Conflicts, 2, 1, 9);
    assert!(!people.are_told(10, &[second.clone(), change.clone()]));
    assert_eq!(people.due(), Some(minute(7 + DAY)), "though nothing else comes");
    assert!(!people.are_told(6 + DAY, &[second.clone(), change.clone()]));
    assert!(people.are_told(7 + DAY, &[second.clone(), change.clone()]));
    assert!(!people.are_told(3 * DAY, &[second, change.clone()]));
    assert!(people.are_told(30 * DAY, &[open(Conflicts, 3, 1, 30 * DAY), change]));
}

#[test]
fn questions_that_trickle_in_are_told_once_a_day() {
    let mut people = People::told_of(NoticeKind::Review);
    let told = (0..3 * 24).filter(|hour| {
        let now = hour * 60;
        people.are_told(now, &[open(ReviewList::Matched, 1 + hour.unsigned_abs(), 0, now)])
    });
    assert_eq!(told.collect::<Vec<_>>(), [0, 24, 48]);
}

#[test]
fn people_who_are_left_unlinked_are_told_when_the_first_waits_and_then_neither_told_nor_counted() {
    use ReviewList::{Available, Changes};
    let unlinked = |count, newest| OpenList { stands: true, ..open(Available, count, 1, newest) };
    let mut people = People::told_of(NoticeKind::Review);
    assert!(people.are_told(2, &[unlinked(40, 1)]));
    assert!(!people.are_told(9 * DAY, &[unlinked(50, 8 * DAY)]));
    assert_eq!(people.due(), None);
    let more = OpenList { more: true, oldest: minute(9 * DAY), ..unlinked(1_000, 9 * DAY) };
    assert!(!people.are_told(9 * DAY + 1, &[more]), "the oldest may not have been looked at");
    let lists = [unlinked(60, 10 * DAY), open(Changes, 1, 10 * DAY, 10 * DAY)];
    let turn = transition(NoticeKind::Review, people.noticed.as_ref(), &waits(10 * DAY, &lists));
    let Some(Telling::DecisionsWait(waiting)) = turn.unwrap().telling else { panic!("one waits") };
    assert_eq!(waiting.count, 1);
    assert!(people.are_told(10 * DAY, &lists));
    assert!(!people.are_told(11 * DAY, &lists));
}

#[test]
fn what_an_earlier_release_saw_is_no_news_and_what_came_since_then_is() {
    let told = serde_json::json!({"state": "waiting", "seenAt": minute(100)});
    let mut people = People::told_of(NoticeKind::Review);
    assert!(people.are_told(100, &[open(ReviewList::Conflicts, 1, 9, 9)]));
    people.noticed.as_mut().unwrap().told = serde_json::from_value(told).unwrap();
    assert!(!people.are_told(101, &[open(ReviewList::Conflicts, 2, 9, 90)]));
    assert!(people.are_told(101, &[open(ReviewList::Changes, 1, 101, 101)]));
}
