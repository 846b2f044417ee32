use contact_sync_domain::contact::SyncMark;
use contact_sync_domain::settings::Settings;
use contact_sync_domain::welcome::WelcomeTemplate;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::memory::{Counter, HeldClock, MailFate, MemoryMailer, MemoryStore, World};
use crate::port::SettingsVersion;

const NOON: &str = "2026-03-02T12:00:00Z";

/// An account whose connection welcomes people, and who reaches them.
struct Scene {
    stores: MemoryStore,
    mailer: MemoryMailer,
    clock: HeldClock,
    chance: Counter,
}

fn account() -> AccountId {
    AccountId::from_bits(1)
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            stores: MemoryStore::default(),
            mailer: MemoryMailer::default(),
            clock: HeldClock::at(NOON.parse().unwrap()),
            chance: Counter::default(),
        };
        let own = serde_json::from_value(json!({
            "id": account(), "externalId": "e", "name": "Contoso", "timeZone": "UTC", "version": 1,
            "createdAt": NOON, "updatedAt": NOON,
        }));
        let connection = serde_json::from_value(json!({
            "id": "con_00000000000000000000000000000002", "accountId": account(),
            "status": "enabled", "version": 1, "createdAt": NOON, "updatedAt": NOON,
        }));
        let template = WelcomeTemplate {
            subject: "Welcome, {{displayName}}".to_owned(),
            text: "Your contact at {{accountName}} is ready: {{portalUrl}}".to_owned(),
            html: None,
            version: 1,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        {
            let mut world = scene.stores.world();
            world.accounts.insert(account(), own.unwrap());
            let connection: contact_sync_domain::connection::Connection = connection.unwrap();
            world.connections.insert(connection.id.clone(), connection);
            world.welcome_templates.insert(account(), template);
        }
        scene.welcomes(true);
        scene
    }

    fn welcomes(&self, welcome_email: bool) {
        let settings = Settings { welcome_email, ..Settings::default() };
        let version = SettingsVersion { version: 1, settings, ..SettingsVersion::never_saved() };
        let connection = self.stores.world().connections.keys().next().unwrap().clone();
        self.stores.world().settings.insert(connection, vec![version]);
    }

    /// Somebody whose contact sync made.
    fn made(&self, number: u128, email: &str) -> ContactId {
        let id = ContactId::from_bits(number);
        let mut contact: Contact = serde_json::from_value(json!({
            "id": id, "accountId": account(), "version": 1, "status": "active",
            "source": "entra", "fields": {"email": email, "displayName": "Ada"},
            "link": {
                "connectionId": "con_00000000000000000000000000000002",
                "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
                "objectId": "00000000-0000-0000-0000-000000000001", "state": "linked",
            },
            "createdAt": NOON, "updatedAt": NOON,
        }))
        .unwrap();
        contact.sync = Some(SyncMark {
            source_version: 1,
            settings_version: 1,
            fingerprint: None,
            run: "run".to_owned(),
            page: 0,
            welcome: true,
            untied_by_hand: false,
            replaced: std::collections::BTreeMap::new(),
        });
        let stored = StoredContact::Present(Box::new(contact));
        self.stores.world().contacts.insert(id.clone(), stored);
        id
    }

    fn post(&self) -> Post<'_, MemoryStore, MemoryMailer, HeldClock, Counter> {
        Post {
            stores: &self.stores,
            mailer: &self.mailer,
            clock: &self.clock,
            randomness: &self.chance,
            portal_url: Some("https://portal.host.example"),
        }
    }

    async fn comes(&self, id: &ContactId) -> Result<Welcomed, WelcomeError> {
        self.post().welcome(&account(), id).await
    }

    async fn state(&self, id: &ContactId) -> Option<WelcomeState> {
        self.stores.welcome(&account(), id).await.unwrap().map(|welcome| welcome.state)
    }
}

#[tokio::test]
async fn a_newcomer_is_welcomed_once_however_often_the_event_comes() {
    let scene = Scene::new();
    let ada = scene.made(1, "ada@contoso.example");
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Sent);
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Known);
    // Not under another address either, nor another contact under hers.
    scene.made(1, "lovelace@contoso.example");
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Known);
    let again = scene.made(2, "ADA@contoso.example");
    assert_eq!(scene.comes(&again).await.unwrap(), Welcomed::AddressKnown);
    let sent = scene.mailer.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].to.as_str(), sent[0].subject.as_str()),
        ("ada@contoso.example", "Welcome, Ada")
    );
    assert_eq!(sent[0].text, "Your contact at Contoso is ready: https://portal.host.example");
}

#[tokio::test]
async fn who_is_not_to_be_welcomed_any_more_is_not_and_leaves_no_claim() {
    let scene = Scene::new();
    let ada = scene.made(1, "ada@contoso.example");
    scene.welcomes(false);
    assert!(matches!(scene.comes(&ada).await.unwrap(), Welcomed::Unwanted(_)));
    scene.welcomes(true);
    let nobody = scene.made(2, "no address");
    assert!(matches!(scene.comes(&nobody).await.unwrap(), Welcomed::Unwanted(_)));
    let template = scene.stores.world().welcome_templates.remove(&account()).unwrap();
    assert!(matches!(scene.comes(&ada).await.unwrap(), Welcomed::Unwanted(_)));
    scene.stores.world().welcome_templates.insert(account(), template);
    let gone = ContactId::from_bits(9);
    assert!(matches!(scene.comes(&gone).await.unwrap(), Welcomed::Unwanted(_)));
    if let Some(StoredContact::Present(contact)) = scene.stores.world().contacts.get_mut(&ada) {
        contact.sync.as_mut().unwrap().welcome = false;
    }
    assert!(matches!(scene.comes(&ada).await.unwrap(), Welcomed::Unwanted(_)));
    assert!(scene.mailer.sent().is_empty());
    assert!(scene.stores.world().welcomes.is_empty());
}

#[tokio::test]
async fn a_pace_that_is_too_fast_is_waited_for_and_in_the_end_told() {
    let scene = Scene::new();
    let ada = scene.made(1, "ada@contoso.example");
    scene.mailer.set_fates(&[MailFate::Throttles; 5]);
    let began = scene.clock.now();
    assert!(matches!(scene.comes(&ada).await, Err(WelcomeError::Mail(MailError::Throttled(_)))));
    assert!(scene.clock.now().duration_since(began) < SignedDuration::from_secs(20));
    assert_eq!(scene.state(&ada).await, Some(WelcomeState::Failed));
    // The event comes again.
    scene.mailer.set_fates(&[MailFate::Throttles]);
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Sent);
    assert_eq!(scene.mailer.sent().len(), 1);
}

#[tokio::test]
async fn a_mail_that_nobody_knows_of_is_sent_again_by_a_person_alone() {
    let scene = Scene::new();
    let ada = scene.made(1, "ada@contoso.example");
    scene.mailer.set_fates(&[MailFate::LosesAnswer]);
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Uncertain);
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Known);
    let contact = match scene.stores.get(&account(), &ada).await.unwrap() {
        Some(StoredContact::Present(contact)) => contact,
        other => panic!("{other:?}"),
    };
    let claim = || async { scene.stores.welcome(&account(), &ada).await.unwrap().unwrap() };
    // As far as others know, somebody may be at it still.
    let early = scene.post().welcome_again(&contact, claim().await).await.unwrap();
    assert_eq!(early, Welcomed::Known);
    scene.clock.advance(AT_WORK);
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Known, "it was told once");
    assert_eq!(scene.mailer.sent().len(), 1);
    let old = claim().await;
    let again = scene.post().welcome_again(&contact, old.clone()).await.unwrap();
    assert_eq!(again, Welcomed::Sent);
    // Whoever looked at the same list a moment earlier sends none.
    assert_eq!(scene.post().welcome_again(&contact, old).await.unwrap(), Welcomed::Known);
    assert_eq!(scene.mailer.sent().len(), 2);
    assert_eq!(scene.state(&ada).await, Some(WelcomeState::Sent));
}

/// Lambda repeats a failed event after about a minute and after two more. A first repetition that
/// found the dead one's claim and was content with it would be the last: nobody would ever learn that
/// the person may have got no mail.
#[tokio::test]
async fn whoever_dies_at_a_mail_is_found_out_once_however_soon_the_event_comes_again() {
    for calls in 0..12 {
        let scene = Scene::new();
        let ada = scene.made(1, "ada@contoso.example");
        scene.stores.world().calls_left = Some(calls);
        let first = scene.comes(&ada).await;
        scene.stores.world().calls_left = None;
        let mut told = usize::from(matches!(first, Ok(Welcomed::Uncertain)));
        let mut is_over = first.is_ok();
        for seconds in [20, 60, 120, 3_600] {
            scene.clock.advance(SignedDuration::from_secs(seconds));
            // An event is repeated until it is dealt with, and once more all the same.
            let last = is_over;
            let came = scene.comes(&ada).await;
            told += usize::from(matches!(came, Ok(Welcomed::Uncertain)));
            is_over |= came.is_ok();
            assert!(!last || came.is_ok(), "{calls}: {came:?}");
        }
        assert!(is_over, "{calls}: it is dealt with in the end");
        let is_open = scene.state(&ada).await == Some(WelcomeState::Claimed);
        assert_eq!(told, usize::from(is_open), "{calls}: told exactly where nobody knows");
        assert!(scene.mailer.sent().len() <= 1, "{calls}");
    }
}

#[tokio::test]
async fn of_two_who_find_the_same_claim_one_tells() {
    let scene = Scene::new();
    let ada = scene.made(1, "ada@contoso.example");
    // Whoever claimed it dies before the mail.
    scene.stores.world().calls_left = Some(7);
    assert!(scene.comes(&ada).await.is_err());
    scene.stores.world().calls_left = None;
    let claim = scene.stores.welcome(&account(), &ada).await.unwrap().unwrap();
    scene.clock.advance(AT_WORK);
    // Somebody else noted it between the read and the write.
    scene.stores.world().races = 1;
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Known);
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Uncertain);
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Known);
    // The list of what nobody knows of holds it either way, since the same moment.
    let after = scene.stores.welcome(&account(), &ada).await.unwrap().unwrap();
    assert_eq!((after.state, after.at), (WelcomeState::Claimed, claim.at));
}

#[tokio::test]
async fn whoever_is_forgotten_leaves_two_digests_and_is_not_welcomed_again() {
    let scene = Scene::new();
    let ada = scene.made(1, "ada@contoso.example");
    scene.comes(&ada).await.unwrap();
    assert!(scene.stores.forget_welcome(&account(), &ada).await.unwrap());
    assert!(!scene.stores.forget_welcome(&account(), &ada).await.unwrap());
    let kept = scene.stores.welcome(&account(), &ada).await.unwrap().unwrap();
    assert_eq!((kept.address, kept.connection_id), (None, None));
    assert_eq!(scene.comes(&ada).await.unwrap(), Welcomed::Known);
    let other = scene.made(2, "ada@contoso.example");
    assert_eq!(scene.comes(&other).await.unwrap(), Welcomed::AddressKnown);
}

/// Removes or forgets her in the moment after the claim; that the claim stands is known by then.
fn forget_all(world: &mut World) {
    for stored in world.contacts.values_mut() {
        *stored = StoredContact::Tombstone {
            version: 2,
            source_version: u64::MAX,
            connection_id: None,
            expires_at: Timestamp::MAX,
            by: None,
            erased: true,
        };
    }
}

#[tokio::test]
async fn whoever_is_forgotten_between_the_claim_and_the_mail_is_not_mailed() {
    let mut seen = 0;
    for calls in 0.. {
        let scene = Scene::new();
        let ada = scene.made(1, "ada@contoso.example");
        // Mails go at a pace: the moment between may be long.
        scene.mailer.set_fates(&[MailFate::Throttles, MailFate::Throttles]);
        scene.stores.world().meanwhile = Some((calls, forget_all));
        let came = scene.comes(&ada).await.unwrap();
        if scene.stores.world().meanwhile.take().is_some() || came == Welcomed::Sent {
            assert_eq!(came, Welcomed::Sent);
            assert!(seen > 2, "{seen}");
            return;
        }
        assert_eq!(came, Welcomed::Unwanted("the contact was removed"), "{calls}");
        assert!(scene.mailer.sent().is_empty(), "{calls}");
        let Some(kept) = scene.stores.welcome(&account(), &ada).await.unwrap() else { continue };
        seen += 1;
        assert_eq!((kept.state, kept.address), (WelcomeState::Failed, None), "{calls}");
    }
}

/// What befalls one delivery of the event.
#[derive(Debug, Clone)]
enum Blow {
    Nothing,
    DiesAfter(usize),
    Mail(Vec<MailFate>),
    LosesRaces(usize),
    TimePasses,
}

fn blow() -> impl Strategy<Value = Blow> {
    let fate = prop_oneof![
        Just(MailFate::Refuses),
        Just(MailFate::Throttles),
        Just(MailFate::LosesAnswer)
    ];
    prop_oneof![
        Just(Blow::Nothing),
        (0..8_usize).prop_map(Blow::DiesAfter),
        prop::collection::vec(fate, 0..7).prop_map(Blow::Mail),
        (0..3_usize).prop_map(Blow::LosesRaces),
        Just(Blow::TimePasses),
    ]
}

proptest! {
    /// Three contacts, two of which share an address.
    #[test]
    fn each_contact_and_address_is_welcomed_at_most_once_whatever_dies_or_comes_again(
        deliveries in prop::collection::vec((0..3_usize, blow()), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let scene = Scene::new();
            let addresses = ["a@contoso.example", "b@contoso.example", "A@contoso.example"];
            let people: Vec<ContactId> = (1..).zip(addresses).map(|(n, to)| scene.made(n, to)).collect();
            for (person, blow) in deliveries {
                match blow {
                    Blow::Nothing => {}
                    Blow::DiesAfter(calls) => scene.stores.world().calls_left = Some(calls),
                    Blow::Mail(fates) => scene.mailer.set_fates(&fates),
                    Blow::LosesRaces(races) => scene.stores.world().races = races,
                    Blow::TimePasses => scene.clock.advance(AT_WORK),
                }
                drop(scene.comes(&people[person]).await);
                scene.stores.world().calls_left = None;
                scene.stores.world().races = 0;
            }
            let mut sent: Vec<String> =
                scene.mailer.sent().iter().map(|mail| email_key(&mail.to)).collect();
            let all = sent.len();
            sent.sort();
            sent.dedup();
            assert_eq!(sent.len(), all, "{sent:?}");
            // And whoever was mailed is known to have been, or to be looked at.
            for person in &people {
                if scene.comes(person).await.is_ok_and(|came| came == Welcomed::Sent) {
                    assert!(scene.mailer.sent().len() <= 2);
                }
            }
        });
    }
}
