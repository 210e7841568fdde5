//! The git commit of a content folder, if it lies in a work tree.
//!
//! The id is read from `.git` itself, so it is known also where no git is installed. The subject and the date stand in a
//! compressed object; for them the `git` program is asked, if there is one, for a moment. Whatever goes wrong, less is
//! known, and the sync goes on.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crate::domain::content::Commit;

/// Folders looked at upwards.
const UPWARDS_MAX: usize = 40;
/// References followed: `HEAD` names a branch, and a branch may name another.
const REFERENCES_MAX: usize = 5;
/// Longest small file of git's, in bytes.
const FILE_BYTES_MAX: u64 = 4_096;
/// The most read of `packed-refs`, in bytes.
const PACKED_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The most read of a commit, in bytes: subject and date stand at its beginning.
const OBJECT_BYTES_MAX: u64 = 16 * 1024;
/// Longest time for the program.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether the program has ended.
const LOOK: Duration = Duration::from_millis(5);

/// The commit that is checked out where `dir` is. Whether the files equal it is not looked at.
pub(super) async fn commit_of(dir: &Path) -> Option<Commit> {
    let dir = dir.to_owned();
    tokio::task::spawn_blocking(move || commit_now(&dir)).await.ok().flatten()
}

fn commit_now(dir: &Path) -> Option<Commit> {
    let dir = fs::canonicalize(dir).ok()?;
    let repository = repository_of(&dir)?;
    let commit = Commit::of_id(&head(&repository)?)?;
    Some(match object(&dir, &commit.id) {
        Some(object) => commit.with_object(&object),
        None => commit,
    })
}

/// The folder with `HEAD`: `.git` beside or above, or what a file of that name names (worktrees, submodules).
fn repository_of(dir: &Path) -> Option<PathBuf> {
    let git = dir.ancestors().take(UPWARDS_MAX).map(|folder| folder.join(".git")).find(|git| git.exists())?;
    if git.is_dir() {
        return Some(git);
    }
    let named = small(&git)?;
    let named = named.strip_prefix("gitdir:")?.trim();
    Some(git.parent()?.join(named))
}

/// The id that `HEAD` comes to.
fn head(repository: &Path) -> Option<String> {
    // A worktree has a HEAD of its own, and its branches with the others.
    let common = small(&repository.join("commondir")).map(|path| repository.join(path.trim()));
    let common = common.as_deref().unwrap_or(repository);
    let mut said = small(&repository.join("HEAD"))?;
    for _ in 0..REFERENCES_MAX {
        let Some(name) = said.trim().strip_prefix("ref:").map(str::trim) else { return Some(said) };
        if !name.starts_with("refs/") || name.split('/').any(|part| part.is_empty() || part == "..") {
            return None;
        }
        let own = small(&repository.join(name)).or_else(|| small(&common.join(name)));
        said = own.or_else(|| packed(&common.join("packed-refs"), name))?;
    }
    None
}

fn small(path: &Path) -> Option<String> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The id of `name` among the packed ones: `<id> <name>`, a line each.
fn packed(path: &Path, name: &str) -> Option<String> {
    let file = fs::File::open(path).ok()?.take(PACKED_BYTES_MAX);
    BufReader::new(file).lines().map_while(Result::ok).find_map(|line| {
        let (id, other) = line.split_once(' ')?;
        (other == name).then(|| id.to_owned())
    })
}

/// The beginning of a commit as git keeps it. A plumbing command, which starts no other program and reads no network; git
/// itself refuses folders of other people's (`safe.directory`), and then the id is all there is.
fn object(dir: &Path, id: &str) -> Option<String> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["--no-replace-objects", "cat-file", "commit", id])
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut rounds = PATIENCE.as_millis() / LOOK.as_millis();
    // It either ends, or fills the pipe, or hangs; in the last two cases it has had its time, and what is there counts.
    while rounds > 0 && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(LOOK);
        rounds -= 1;
    }
    let ended = child.try_wait().ok().flatten();
    // Both fail only where it has ended.
    let _ = child.kill();
    let _ = child.wait();
    if ended.is_some_and(|status| !status.success()) {
        return None;
    }
    let mut bytes = Vec::new();
    child.stdout.take()?.take(OBJECT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|object| !object.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn found(files: &[(&str, &str)]) -> Option<String> {
        let dir = folder(files);
        fs::create_dir_all(dir.path().join("a/content")).unwrap();
        commit_now(&dir.path().join("a/content")).map(|commit| commit.id)
    }

    #[test]
    fn the_id_is_found_wherever_git_keeps_it() {
        let id = format!("{ID}\n");
        let packed =
            format!("# pack-refs with: peeled\n{} refs/heads/x\n{ID} refs/heads/main\n", "f".repeat(40));
        assert_eq!(found(&[(".git/HEAD", &id)]).as_deref(), Some(ID), "no branch");
        let loose = [(".git/HEAD", "ref: refs/heads/main\n"), (".git/refs/heads/main", id.as_str())];
        assert_eq!(found(&loose).as_deref(), Some(ID));
        let in_pack = [(".git/HEAD", "ref: refs/heads/main\n"), (".git/packed-refs", packed.as_str())];
        assert_eq!(found(&in_pack).as_deref(), Some(ID));
        let worktree = [
            ("a/.git", "gitdir: ../real/worktrees/a\n"),
            ("real/worktrees/a/HEAD", "ref: refs/heads/main\n"),
            ("real/worktrees/a/commondir", "../..\n"),
            ("real/refs/heads/main", id.as_str()),
        ];
        assert_eq!(found(&worktree).as_deref(), Some(ID));
    }

    #[test]
    fn what_is_no_repository_is_none() {
        assert_eq!(found(&[("x", "")]), None, "none here, unless the temporary folder is in one");
        for head in
            ["", "ref: refs/heads/none\n", "ref: ../../secret\n", "ref: refs/../x\n", "ref: HEAD\n", "zz"]
        {
            assert_eq!(found(&[(".git/HEAD", head), (".git/x", ID)]), None, "{head}");
        }
        let circle = [(".git/HEAD", "ref: refs/heads/a"), (".git/refs/heads/a", "ref: refs/heads/a")];
        assert_eq!(found(&circle), None);
    }
}
