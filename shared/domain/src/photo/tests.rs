use super::*;

const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0 and so on";

fn now() -> Timestamp {
    "2026-11-21T02:00:00Z".parse().unwrap()
}

fn ids() -> (AccountId, ConnectionId, ContactId) {
    (AccountId::from_bits(1), ConnectionId::from_bits(2), ContactId::from_bits(3))
}

fn first(finding: &Finding) -> ContactPhoto {
    let (account, connection, contact) = ids();
    ContactPhoto::first((&account, &connection), &contact, finding, now())
}

/// A page or a script that a server calls an image would run in the host product's pages.
#[test]
fn only_what_begins_as_an_image_is_one() {
    let cases: [(&[u8], Option<ImageType>); 9] = [
        (JPEG, Some(ImageType::Jpeg)),
        (b"\x89PNG\r\n\x1A\nIHDR", Some(ImageType::Png)),
        (b"GIF87a..", Some(ImageType::Gif)),
        (b"GIF89a..", Some(ImageType::Gif)),
        (b"<svg onload=alert(1)>", None),
        (b"<html>", None),
        (b"\xFF\xD8", None),
        (b"\x89PNG", None),
        (b"", None),
    ];
    for (bytes, kind) in cases {
        assert_eq!(ImageType::of(bytes), kind, "{bytes:?}");
    }
}

#[test]
fn a_photo_is_known_by_its_bytes() {
    let Finding::Image(image) = Finding::of(Some(b"GIF89a")) else { panic!("an image") };
    assert_eq!((image.content_type, image.size), (ImageType::Gif, 6));
    assert_eq!(
        image.digest,
        "610f5ae4d76e332636a17bd357fd6ce99029316a99d320280d4d77a746bf29e8".to_owned()
    );
    assert_eq!(Finding::of(None), Finding::None);
    assert_eq!(Finding::of(Some(b"<html>")), Finding::Unfit(Unfit::NotAnImage));
    let mut long = JPEG.to_vec();
    long.resize(LARGEST, 0);
    assert!(matches!(Finding::of(Some(&long)), Finding::Image(_)));
    long.push(0);
    assert_eq!(Finding::of(Some(&long)), Finding::Unfit(Unfit::TooLarge));
}

/// Otherwise a photo that was found but never stored would be passed over for a day.
#[test]
fn who_was_looked_at_is_passed_over_for_less_than_a_day_and_who_was_not_stored_is_due() {
    let none = first(&Finding::None);
    assert!(!none.is_due(now() + FRESH - SignedDuration::from_secs(1)));
    assert!(none.is_due(now() + FRESH));
    assert!(none.is_due(now() + SignedDuration::from_hours(23)), "a run that comes an hour early");
    let expected = first(&Finding::of(Some(JPEG)));
    assert_eq!((expected.state, &expected.image), (PhotoState::Expected, &None));
    assert!(expected.is_due(now()));
}

#[test]
fn a_change_is_what_differs_in_bytes_or_state() {
    let (_, connection, _) = ids();
    let image = Finding::of(Some(JPEG));
    let present = first(&image).changed(&connection, &image, now());
    assert_eq!(present.state, PhotoState::Present);
    assert!(present.is(&image) && !present.is(&Finding::None));
    assert!(!present.is(&Finding::of(Some(b"GIF89a"))));
    let gone = present.clone().changed(&connection, &Finding::None, now());
    assert!(gone.is(&Finding::None) && gone.image.is_none());
    assert_eq!(gone.version, present.version + 1);
    let unfit = Finding::Unfit(Unfit::NotAnImage);
    assert!(first(&unfit).is(&unfit) && !first(&unfit).is(&Finding::Unfit(Unfit::TooLarge)));
    assert!(!first(&image).is(&image), "being stored is not stored");
}

/// Readers drop what they have seen: a contact that comes back must not repeat its numbers.
#[test]
fn a_contact_that_comes_back_goes_on_counting() {
    let (account, connection, contact) = ids();
    let image = Finding::of(Some(JPEG));
    let mut before = first(&image);
    for _ in 0..50 {
        before = before.changed(&connection, &image, now());
    }
    let later = now() + SignedDuration::from_secs(1);
    let back = ContactPhoto::first((&account, &connection), &contact, &Finding::None, later);
    assert!(back.version > before.version);
}

#[test]
fn a_walk_is_gone_on_with_at_once_unless_it_waits_or_is_held() {
    let (account, connection, _) = ids();
    let mut lane = PhotoLane::new(&account, &connection);
    assert!(lane.open().is_none() && !lane.asks_for_more());
    lane.walk = Some(PhotoWalk::begun(now()));
    assert!(lane.asks_for_more() && lane.open().unwrap().is_left(now()));
    let later = now() + SignedDuration::from_mins(2);
    lane.lease_until = Some(later);
    assert!(!lane.asks_for_more() && lane.is_held(now()) && !lane.is_held(later));
    assert!(!lane.open().unwrap().is_left(now()) && lane.open().unwrap().is_left(later));
    lane.lease_until = None;
    lane.walk.as_mut().unwrap().waits_until = Some(later);
    assert!(!lane.asks_for_more() && !lane.open().unwrap().is_left(now()));
}
