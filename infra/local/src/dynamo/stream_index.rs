//! An index that the engine lacks: before each write it looks for the table's last stream record,
//! and would read all that were ever made.

use std::path::Path;

use rusqlite::Connection;

/// The engine compares sequence numbers as numbers and stores them as text.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS stream_records_in_order
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// Adds the index to a database that the engine has made. Indexes of SQLite are kept up by whoever
/// writes, so the engine needs not know.
pub(super) fn add(file: &Path) -> rusqlite::Result<()> {
    Connection::open(file)?.execute_batch(INDEX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::{Connection, params};

    use crate::clock::LocalClock;
    use crate::dynamo::Engine;

    /// The engine's own questions: for the next number before each write, and for what a reader of
    /// the stream has not seen.
    const LAST: &str = "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
        FROM _stream_records WHERE table_name = ?1";
    const UNSEEN: &str = "SELECT new_image FROM _stream_records
        WHERE table_name = ?1 AND shard_id = '' AND CAST(sequence_number AS INTEGER) > 7
        ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT 100";

    fn assert_asks_the_index(file: &Path) {
        let database = Connection::open(file).unwrap();
        for question in [LAST, UNSEEN] {
            let mut plan = database.prepare(&format!("EXPLAIN QUERY PLAN {question}")).unwrap();
            let steps = plan.query_map(params!["contacts"], |row| row.get(3)).unwrap();
            let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
            let [step] = steps.as_slice() else { panic!("{question}: {steps:?}") };
            assert!(
                step.starts_with("SEARCH") && step.contains("stream_records_in_order"),
                "{step}"
            );
        }
    }

    #[test]
    fn a_write_in_memory_does_not_read_every_change_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.sqlite");
        let engine = Engine::start(None, &LocalClock::default()).unwrap();
        engine.copy_to(&copy);
        assert_asks_the_index(&copy);
    }

    #[test]
    fn a_write_to_a_file_does_not_either_and_a_file_from_before_gets_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dynamodb.sqlite");
        drop(dynoxide::Database::new(file.to_str().unwrap()).unwrap());
        for _ in 0..2 {
            drop(Engine::start(Some(&file), &LocalClock::default()).unwrap());
            assert_asks_the_index(&file);
        }
    }
}
