//! Whom decisions that are taken back had put on the ignore list comes off it again, in one new version
//! of the settings: nobody else, and nobody who was taken off and put on again since.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::plan::Plan;
use contact_sync_domain::review::{Decision, DecisionPlace};
use contact_sync_domain::segment::Outcome;
use contact_sync_domain::undo::Undoes;
use jiff::Timestamp;

use crate::port::{
    Blobs, Clock, Directory, Randomness, SegmentStore, SettingsCause, SettingsStore,
    SettingsVersion,
};
use crate::segments::load_segment;
use crate::sync::pass::Pass;
use crate::sync::{Stop, SyncStores, Worker};
use crate::undo::ignores;

/// Through how many versions of the settings, the newest first, it is looked for the one by which
/// somebody came onto the list. Who stands there for longer stays.
const VERSIONS: usize = 100;

/// How often it is tried where others save settings at the same time.
const ATTEMPTS: usize = 5;

/// The version by which somebody came onto the ignore list.
struct Put {
    version: u64,
    at: Option<Timestamp>,
    by: Option<String>,
    cause: SettingsCause,
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Which of these decisions had put their user on the ignore list where he stands ever since, and
    /// in which version of the settings.
    pub(super) async fn ignored_by(
        &self,
        pass: &Pass,
        undoes: &Undoes,
        decided: &[Decision],
    ) -> Result<HashMap<DecisionPlace, u64>, Stop> {
        let Some(since) = undoes.since else { return Ok(HashMap::new()) };
        let ignoring: Vec<&Decision> = decided.iter().filter(|one| ignores(one)).collect();
        let users = ignoring.iter().map(|one| one.item.user()).collect();
        let (_, put) = self.ignored_since(pass, users, since).await?;
        let own = ignoring.into_iter().filter_map(|one| {
            let put = put.get(&one.item.user())?;
            let at = put.at.filter(|at| *at <= one.at)?;
            // The first that was decided about him behind that version is what made it.
            let is_between = |other: &Decision| {
                other.item == one.item && other.at >= at && other.place() < one.place()
            };
            let is_own = put.cause == SettingsCause::IgnoreList
                && put.by == one.actor
                && !decided.iter().any(is_between);
            is_own.then(|| (one.place(), put.version))
        });
        Ok(own.collect())
    }

    /// The settings as they are, and by which version each of these users came onto the ignore list,
    /// where that was since a moment and he did not leave it again.
    async fn ignored_since(
        &self,
        pass: &Pass,
        users: HashSet<ObjectId>,
        since: Timestamp,
    ) -> Result<(Option<SettingsVersion>, HashMap<ObjectId, Put>), Stop> {
        let mut put = HashMap::new();
        if users.is_empty() {
            return Ok((None, put));
        }
        let (account, connection) = (&pass.account.id, &pass.connection.id);
        let current = self.stores.settings(account, connection).await?;
        let mut newer = current.clone();
        let mut open = users;
        open.retain(|user| is_ignored(&newer, user));
        for _ in 0..VERSIONS {
            let is_older = newer.saved_at.is_none_or(|at| at < since);
            if open.is_empty() || is_older || newer.version == 0 {
                break;
            }
            let before = newer.version - 1;
            let older = self.stores.settings_version(account, connection, before).await?;
            let Some(older) = older else { break };
            for user in open.extract_if(|user| !is_ignored(&older, user)) {
                let (version, at, by) = (newer.version, newer.saved_at, newer.saved_by.clone());
                put.insert(user, Put { version, at, by, cause: newer.cause.clone() });
            }
            newer = older;
        }
        Ok((Some(current), put))
    }

    /// Takes those off the ignore list whom the decisions that were taken back had put there. Whoever
    /// does so again finds nobody.
    pub(in crate::sync) async fn take_off_ignored(
        &self,
        pass: &mut Pass,
        plan: &Plan,
    ) -> Result<(), Stop> {
        let undoes = pass.stored.as_ref().and_then(|run| run.undoes.as_ref());
        let since = undoes.and_then(|undoes| undoes.since).unwrap_or(Timestamp::MIN);
        let done = self.had_ignored(pass, plan).await?;
        for _ in 0..ATTEMPTS {
            let users = done.keys().cloned().collect();
            let (current, put) = self.ignored_since(pass, users, since).await?;
            let Some(mut next) = current else { return Ok(()) };
            let comes_off = |user: &ObjectId| {
                put.get(user).is_some_and(|put| done.get(user) == Some(&put.version))
            };
            let before = next.settings.scope.ignored_users.len();
            next.settings.scope.ignored_users.retain(|user| !comes_off(user));
            if next.settings.scope.ignored_users.len() == before {
                return Ok(());
            }
            let by = plan.approved.as_ref().map(|approved| approved.by.clone());
            let by = by.unwrap_or_default();
            let next = SettingsVersion {
                version: next.version + 1,
                saved_at: Some(self.clock.now()),
                saved_by: by.subject,
                saved_by_name: by.name,
                saved_by_role: Some(by.role),
                cause: SettingsCause::Undone { run: pass.point.run_id.clone() },
                settings: next.settings,
            };
            if self.stores.save_settings(&pass.account.id, &pass.connection.id, &next).await? {
                return Ok(());
            }
        }
        let note = "the settings were saved again and again: whom the decisions had put on the \
                    ignore list (scope.ignoredUsers) stays there; take them off it";
        pass.point.teams_note = Some(note.to_owned());
        Ok(())
    }

    /// Whose decisions were taken back, and in which version those had put them on the ignore list.
    async fn had_ignored(&self, pass: &Pass, plan: &Plan) -> Result<HashMap<ObjectId, u64>, Stop> {
        let (connection, run) = (&pass.connection.id, &pass.point.run_id);
        let mut done = HashMap::new();
        for page in plan.pages..pass.point.page {
            let segment = load_segment(&self.stores, &self.blobs, connection, run, page).await?;
            let Some(segment) = segment else { continue };
            let marked = segment.items.into_iter().filter_map(|item| {
                let version = item.trace.as_ref()?.ignored_in?;
                (item.outcome == Outcome::Restore).then_some((item.object_id, version))
            });
            let marked: Vec<(ObjectId, u64)> = marked.collect();
            if marked.is_empty() {
                continue;
            }
            let deviations = self.stores.deviations(connection, run, page).await?;
            let went = |user: &ObjectId| deviations.iter().any(|one| one.object_id == *user);
            done.extend(marked.into_iter().filter(|(user, _)| !went(user)));
        }
        Ok(done)
    }
}

fn is_ignored(settings: &SettingsVersion, user: &ObjectId) -> bool {
    settings.settings.scope.ignored_users.contains(user)
}
