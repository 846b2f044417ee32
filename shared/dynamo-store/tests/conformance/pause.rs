//! The pause of everything.

use contact_sync_domain::pause::Pause;
use contact_sync_engine::port::{ConnectionStore, PauseStore};

use crate::samples::{account_id, at, connection, connection_id};
use crate::tables::Tables;

#[tokio::test]
async fn who_paused_first_stays_named_until_somebody_resumes() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let (account, id) = (account_id(1), connection_id(1));
    assert_eq!(store.pause().await.unwrap(), None);
    assert_eq!(store.connection_and_pause(&account, &id).await.unwrap(), (None, None));
    let connection = connection(1, 1);
    store.create_connection(&connection).await.unwrap();
    let first = Pause { since: at(0), by: Some("ada".into()) };
    let second = Pause { since: at(9), by: None };
    tables.lose_next_answer();
    assert_eq!(store.begin_pause(&first).await.unwrap(), first);
    assert_eq!(store.begin_pause(&second).await.unwrap(), first);
    assert_eq!(store.pause().await.unwrap(), Some(first.clone()));
    let both = store.connection_and_pause(&account, &id).await.unwrap();
    assert_eq!(both, (Some(connection.clone()), Some(first)));
    assert_eq!(store.resumed_at().await.unwrap(), None);
    store.end_pause(at(7)).await.unwrap();
    // There is none any more.
    store.end_pause(at(8)).await.unwrap();
    assert_eq!(store.resumed_at().await.unwrap(), Some(at(7)));
    let both = store.connection_and_pause(&account, &id).await.unwrap();
    assert_eq!(both, (Some(connection), None));
    assert_eq!(store.begin_pause(&second).await.unwrap(), second);
}
