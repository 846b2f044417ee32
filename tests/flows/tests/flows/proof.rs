//! The proof of completeness: that everybody whom a run read is accounted for, in numbers that anybody
//! can count again.

use std::collections::BTreeSet;

use contact_sync_flows::{Customer, Scene, in_default_scope};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::graph_faults::in_small_pages;

/// The XOR of the first 128 bits of each id's SHA-256 digest, counted here once more.
fn xor_of<'i>(ids: impl IntoIterator<Item = &'i str>) -> String {
    let hash = |id: &str| {
        let digest = Sha256::digest(id);
        u128::from_be_bytes(digest[..16].try_into().unwrap())
    };
    let xor = ids.into_iter().fold(0, |xor, id| xor ^ hash(id));
    format!("{xor:032x}")
}

/// The XOR over everybody whom the directory lists.
fn xor_of_directory(customer: &Customer<'_>) -> String {
    let people = customer.directory();
    xor_of(people.iter().filter(|person| person.is_live()).map(contact_sync_flows::Person::id))
}

async fn full(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.sync_now().await;
    assert_ne!(run["status"], "failed", "{run}\n{}", scene.story());
    run
}

/// J12: a sync that says "success" at four fifths of the directory is believed for months. Here the
/// numbers of the directory, of what was read and of what stands afterwards are side by side.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_proves_with_the_directorys_own_numbers_that_nobody_was_left_out() {
    let scene = in_small_pages().await;
    let customer = scene.connected().await;
    let first = customer.enable().await;
    let run = customer.wait_for_run(&first).await;
    let people = customer.directory();
    let meant = people.iter().filter(|person| in_default_scope(person)).count();
    let contacts = customer.contacts().await;
    assert!(contacts.len() > 10 && meant < people.len(), "{run}");

    let (counts, proof) = (&run["counts"], &run["proof"]);
    assert_eq!(proof["source"], people.len(), "the directory's own count: {proof}");
    assert_eq!(proof["people"], people.len(), "{proof}");
    assert_eq!((&counts["seen"], &counts["inScope"]), (&json!(people.len()), &json!(meant)));
    assert!(proof["pages"].as_u64().unwrap() >= 4, "forty people in pages of ten: {proof}");
    assert!(proof["ids"].as_u64() >= proof["people"].as_u64(), "{proof}");
    for none in ["missing", "open", "unread", "apart", "matched"] {
        assert_eq!(proof[none], 0, "{none}: {proof}");
    }
    assert_eq!(proof["xor"], xor_of_directory(&customer), "these people and no others");
    assert_eq!(proof["written"], contacts.len(), "{proof}");
    assert_eq!(proof["confirmed"], contacts.len(), "each was read back: {proof}");
    assert_eq!(counts["created"], contacts.len());
    let ids = contacts.iter().map(|contact| contact["id"].as_str().unwrap());
    assert_eq!(proof["writtenXor"], xor_of(ids), "these contacts and no others");

    let (lines, end) = customer.json_lines(&first).await;
    assert_eq!(&end["proof"], proof, "whoever has the file has the proof");
    let listed: BTreeSet<&str> =
        lines.iter().map(|line| line["objectId"].as_str().unwrap()).collect();
    assert_eq!(proof["xor"], xor_of(listed), "and can count it again from the file's lines");
}

/// Two looks at the same directory have the same proof, and one more person another: else nobody could
/// tell from it that a run saw what the run before it saw.
#[tokio::test(flavor = "multi_thread")]
async fn unchanged_runs_have_the_same_set_and_a_run_with_changes_confirms_what_it_wrote() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    scene.stop_notifications();
    let contacts = customer.contacts().await.len();
    let (one, two) = (full(&scene, &customer).await, full(&scene, &customer).await);
    assert_ne!(one["id"], two["id"]);
    for run in [&one, &two] {
        let proof = &run["proof"];
        assert_eq!(proof["xor"], xor_of_directory(&customer), "{run}");
        assert_eq!(proof["matched"], contacts, "everybody in scope had a contact: {run}");
        assert_eq!((&proof["written"], &proof["confirmed"]), (&json!(0), &json!(0)), "{run}");
    }

    let people = customer.people_in_scope();
    for person in &people[..3] {
        customer.edit(person.id(), json!({"jobTitle": "Proven"}));
    }
    let changed = full(&scene, &customer).await;
    let proof = &changed["proof"];
    assert_eq!(changed["counts"]["updated"], 3, "{changed}");
    assert_eq!((&proof["written"], &proof["confirmed"]), (&json!(3), &json!(3)), "{changed}");
    assert_eq!(proof["xor"], two["proof"]["xor"], "the same people, however they changed");
    let linked = customer.contacts_by_user().await;
    let written = people[..3].iter().map(|person| linked[person.id()]["id"].as_str().unwrap());
    assert_eq!(proof["writtenXor"], xor_of(written));
    let (_, end) = customer.json_lines(changed["id"].as_str().unwrap()).await;
    assert_eq!(&end["proof"], proof);

    let newcomer = json!({
        "userPrincipalName": "new@contoso.example", "mail": "new@contoso.example",
        "displayName": "New", "userType": "Member", "accountEnabled": true,
    });
    scene.sim.create_user(scene.tenant, newcomer).unwrap();
    let more = full(&scene, &customer).await;
    assert_ne!(more["proof"]["xor"], proof["xor"]);
    assert_eq!(more["proof"]["xor"], xor_of_directory(&customer));
    assert_eq!((&more["proof"]["written"], &more["proof"]["confirmed"]), (&json!(1), &json!(1)));
}
