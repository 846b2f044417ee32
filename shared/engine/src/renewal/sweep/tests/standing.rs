//! What a sweep tells of the fleet: alarms and the dashboard rest on it.

use super::*;

#[tokio::test]
async fn each_connection_is_counted_once_an_hour_by_its_status() {
    let renewal = subscribed().await;
    set_status(&renewal, ConnectionStatus::Paused);
    let mut paused = 0;
    for _ in 0..TURNS {
        paused += sweep(&renewal).await.standing.paused;
        renewal.clock.advance(PERIOD);
    }
    assert_eq!(paused, 1);
}

#[tokio::test]
async fn a_hint_that_nobody_deals_with_is_told_with_its_age() {
    let renewal = subscribed().await;
    let since = renewal.clock.now();
    renewal.stores.edit_state(1, |state| {
        state.wanted = 2;
        state.hinted_since = Some(since);
        state.last_hint_at = Some(since);
    });
    renewal.clock.advance(SignedDuration::from_hours(3));
    assert_eq!(sweep(&renewal).await.longest_wait, Some(SignedDuration::from_hours(3)));
    // One that waits for a person is no sign that we are slow.
    set_status(&renewal, ConnectionStatus::Attention);
    assert_eq!(sweep(&renewal).await.longest_wait, None);
}
