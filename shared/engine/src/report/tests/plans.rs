//! What a plan would do can be downloaded, beside what was done in the end.

use contact_sync_domain::plan::{Basis, Plan, Summary};

use super::*;

#[tokio::test]
async fn a_plan_has_files_of_its_own_beside_which_the_report_of_what_was_done_lies() {
    let world = World::of(RunKind::Preview);
    world.page(Phase::List, vec![created(1, "one@contoso.example")]).await;
    world.page(Phase::List, vec![created(2, "two@contoso.example")]).await;
    let plan = Plan {
        hash: "ab".into(),
        pages: 2,
        basis: Basis { settings_version: 1, draft: false },
        summary: Summary::default(),
        made_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH,
        approved: None,
    };
    let plan = Some(Box::new(plan));
    let planned = Run { status: RunStatus::Planned, plan, ..world.run() };
    world.put(planned.clone());
    let shown = world.simple().await;
    assert_eq!(shown, ["one@contoso.example|New|Success|", "two@contoso.example|New|Success|"]);
    assert_eq!(world.objects()[2]["run"]["status"], "planned");
    assert!(!world.run().report_ready, "nothing is done yet");
    world.compile().await.unwrap();
    assert_eq!(world.simple().await, shown, "a repeated event makes the same files");

    // It was applied, and one of the two had moved.
    world.page(Phase::Apply, vec![created(1, "one@contoso.example")]).await;
    world.put(Run { status: RunStatus::Succeeded, ..world.run() });
    assert_eq!(world.simple().await, ["one@contoso.example|New|Success|"]);
    assert!(world.run().report_ready);
    let stored = world.blobs.all().clone();
    let files = ReportFile::ALL.map(|file| (file.key(&planned), file.key(&world.run())));
    for (of_plan, of_run) in &files {
        assert!(of_plan.contains("-plan"), "{of_plan}");
        assert!(stored.contains_key(of_plan) && stored.contains_key(of_run), "{stored:?}");
    }

    // Who is forgotten later leaves both.
    let changed = redact_report(&world.blobs, &world.run(), |one| *one == user(1)).await.unwrap();
    assert_eq!(changed, 2, "the JSON lines of plan and run");
}
