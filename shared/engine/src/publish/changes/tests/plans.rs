//! Whoever waits for a plan is told once that it is there.

use contact_sync_domain::plan::{Basis, Plan, Summary};

use super::*;

fn planned() -> Box<Run> {
    let plan = Plan {
        hash: "ab".repeat(32),
        pages: 1,
        basis: Basis { settings_version: 1, draft: false },
        summary: Summary::default(),
        made_at: at(50),
        expires_at: at(60),
        approved: None,
    };
    let plan = Some(Box::new(plan));
    Box::new(Run { kind: RunKind::Preview, plan, ..*run(RunStatus::Planned, false) })
}

#[test]
fn a_plan_is_told_once_when_it_is_there_and_its_run_again_when_it_ended() {
    use RunStatus::{Cancelled, Queued, Running};
    let running = || Some(run(Running, false));
    let queued = Box::new(Run { status: Queued, ..*planned() });
    let ended = Box::new(Run { status: Cancelled, ..*planned() });
    let cases: Cases<Run, 5> = [
        ("planned", running(), planned(), &["SyncRunPlanned"]),
        ("recorded with its plan", None, planned(), &["SyncRunPlanned"]),
        ("touched while it waits", Some(planned()), planned(), &[]),
        ("approved", Some(planned()), queued, &[]),
        ("not approved in time", Some(planned()), ended, &["SyncRunFinished"]),
    ];
    for (case, old, new, expected) in cases {
        assert_eq!(told_of(ChangedItem::Run { old, new: Some(new) }), expected, "{case}");
    }
    let detail = only_detail(ChangedItem::Run { old: running(), new: Some(planned()) });
    let schema = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../events/schemas/SyncRunPlanned.json"
    ));
    let schema: Value = serde_json::from_str(schema).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&detail), names(&schema["properties"]));
    assert_eq!(detail["kind"], "preview");
    assert_eq!(detail["planHash"], "ab".repeat(32));
    assert_eq!(detail["expiresAt"], "1970-01-01T00:01:00Z");
    assert_eq!(detail["counts"]["seen"], 3);
}
