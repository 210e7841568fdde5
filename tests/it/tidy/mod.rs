//! The rules of the house that neither the compiler nor clippy knows. Each test lists all faults at once.

mod source;

use std::collections::BTreeSet;

use crate::harness::databases::migrations;
use source::{File, crate_paths, functions};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 90;

/// Longer files and functions, each with the reason why it has only one reason to change.
const LONGER: [(&str, &str); 0] = [];

/// What each layer may use. `app`, `config`, `main` and `lib` are the composition root's.
const ARROWS: [(&str, &[&str]); 7] = [
    ("domain", &["domain"]),
    ("store", &["store", "domain"]),
    ("render", &["render", "domain"]),
    ("channel", &["channel", "domain"]),
    ("work", &["work", "render", "channel", "store", "domain"]),
    ("web", &["web", "work", "render", "channel", "store", "domain", "app", "config"]),
    ("cli", &["cli", "work", "render", "channel", "store", "domain", "app", "config"]),
];

/// The program and its integration tests.
fn all_files() -> Vec<File> {
    let mut files = File::all("src");
    files.extend(File::all("tests/it"));
    files
}

/// Fails with all of `faults`.
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn layer_faults(file: &File) -> Vec<String> {
    let module = file.module();
    let allowed: &[&str] = match module.first().map(String::as_str) {
        Some("config") => &["config", "domain"],
        Some(layer) => match ARROWS.iter().find(|(name, _)| *name == layer) {
            Some((_, allowed)) => allowed,
            None => return Vec::new(),
        },
        None => return Vec::new(),
    };
    let mut faults = Vec::new();
    for (line, path) in crate_paths(&file.code, &module) {
        let Some(used) = path.first().filter(|used| used.starts_with(|c: char| c.is_ascii_lowercase()))
        else {
            continue; // a macro's or a type's name at the root
        };
        let is_layer = ARROWS.iter().any(|(name, _)| name == used) || used == "app" || used == "config";
        if is_layer && !allowed.contains(&used.as_str()) {
            faults.push(format!("{}:{line}: {} must not use {}", file.path, module[0], path.join("::")));
        }
    }
    faults
}

#[test]
fn arrows_between_layers_run_one_way() {
    none(&File::all("src").iter().flat_map(layer_faults).collect::<Vec<_>>());
}

#[test]
fn an_arrow_the_wrong_way_is_seen() {
    let wrong = [
        ("src/domain/lead/mod.rs", "use crate::{domain::kernel, store::Db};"),
        ("src/store/leads.rs", "fn a() { crate::work::handoff::go() }"),
        ("src/channel/webhook.rs", "use super::super::render;"),
        ("src/render/email.rs", "use crate::channel;"),
        ("src/work/mod.rs", "use crate::app::App;"),
        ("src/web/mod.rs", "use crate::cli;"),
        ("src/config.rs", "use crate::store::Db;"),
    ];
    for (path, text) in wrong {
        assert_eq!(layer_faults(&File::new(path, text)).len(), 1, "{path}: {text}");
    }
    let right = "use crate::domain::kernel::Result; use super::sql; // crate::web\n#[cfg(test)] mod t { use crate::web; }";
    assert!(layer_faults(&File::new("src/store/leads.rs", right)).is_empty());
}

/// The order that the documentation of `domain` promises.
fn domain_order(documentation: &str) -> Vec<String> {
    let line = documentation
        .lines()
        .find(|line| line.contains("`kernel`"))
        .expect("domain/mod.rs lists its modules");
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn order_faults(file: &File, order: &[String]) -> Vec<String> {
    let module = file.module();
    let Some(mine) = module.get(1).and_then(|name| order.iter().position(|listed| listed == name)) else {
        return Vec::new();
    };
    crate_paths(&file.code, &module)
        .into_iter()
        .filter(|(_, path)| path[0] == "domain")
        .filter_map(|(line, path)| {
            let theirs = order.iter().position(|listed| path.get(1) == Some(listed))?;
            (theirs > mine).then(|| format!("{}:{line}: {} comes before {}", file.path, module[1], path[1]))
        })
        .collect()
}

#[test]
fn the_domain_keeps_its_order() {
    let files = File::all("src/domain");
    let root = files.iter().find(|file| file.path == "src/domain/mod.rs").unwrap();
    let order = domain_order(&root.text);
    let listed: BTreeSet<_> = order.iter().cloned().collect();
    let there: BTreeSet<_> = files.iter().filter_map(|file| file.module().get(1).cloned()).collect();
    assert_eq!(listed, there, "every module of the domain has its place in the order");
    none(&files.iter().flat_map(|file| order_faults(file, &order)).collect::<Vec<_>>());
    let early = File::new("src/domain/kernel/x.rs", "use crate::domain::lead;");
    assert_eq!(order_faults(&early, &order).len(), 1);
}

#[test]
fn only_work_opens_transactions() {
    let allowed = |file: &File| file.path.starts_with("src/work/") || file.path == "src/store/db.rs";
    let files = File::all("src");
    let faults = files.iter().filter(|file| !allowed(file)).flat_map(|file| {
        file.lines_with(".begin(")
            .map(|line| format!("{}:{line}: a transaction is opened outside work", file.path))
    });
    none(&faults.collect::<Vec<_>>());
}

/// Whether a string reads like a statement.
fn is_sql(text: &str) -> bool {
    let pairs = [("SELECT ", " FROM "), ("UPDATE ", " SET "), ("INSERT INTO ", ""), ("DELETE FROM ", "")];
    let alone = ["CREATE TABLE ", "ALTER TABLE ", "PRAGMA ", "ORDER BY ", "BEGIN IMMEDIATE"];
    let text = text.replace('\n', " ");
    pairs.iter().any(|(first, then)| text.find(first).is_some_and(|at| text[at..].contains(then)))
        || alone.iter().any(|word| text.contains(word))
}

#[test]
fn sql_stands_only_in_the_store() {
    assert!(
        is_sql("SELECT a\n  FROM b") && is_sql("INSERT INTO t (a)") && !is_sql("Select a date from the list")
    );
    let files = File::all("src");
    let faults = files.iter().filter(|file| !file.path.starts_with("src/store/")).flat_map(|file| {
        let found = file.strings.iter().filter(|(_, string)| is_sql(string));
        found.map(|(line, _)| format!("{}:{line}: SQL outside the store", file.path))
    });
    none(&faults.collect::<Vec<_>>());
}

#[test]
fn clock_environment_and_status_codes_have_one_place_each() {
    let rules: [(&[&str], &str); 3] = [
        (&["Utc::now", "Local::now", "SystemTime::now"], "src/domain/kernel/clock.rs"),
        (&["env::var", "env::vars", "env::var_os", "option_env!"], "src/config.rs"),
        (&["StatusCode"], "src/web/"),
    ];
    let mut faults = Vec::new();
    for file in File::all("src") {
        for (needles, place) in rules {
            if !file.path.starts_with(place) {
                let lines: BTreeSet<_> = needles.iter().flat_map(|needle| file.lines_with(needle)).collect();
                faults.extend(
                    lines.into_iter().map(|line| format!("{}:{line}: belongs into {place}", file.path)),
                );
            }
        }
    }
    none(&faults);
}

#[test]
fn every_module_says_what_it_is() {
    let files = all_files();
    let silent = files.iter().filter(|file| !file.is_test() && !file.text.starts_with("//! "));
    none(&silent.map(|file| format!("{}: begins without `//! `", file.path)).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_undone_or_waved_through() {
    let words = ["todo!(", "unimplemented!(", "#[ignore", "#[allow(", "#![allow(", "dbg!("];
    let mut faults = Vec::new();
    for file in all_files() {
        for (at, line) in file.code_and_tests.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                faults.push(format!("{}:{}: {word}", file.path, at + 1));
            }
        }
        if file.path.starts_with("src/") {
            faults.extend(file.lines_with(".unwrap()").map(|line| {
                format!(
                    "{}:{line}: unwrap outside a test; return the error, or `expect` with the reason",
                    file.path
                )
            }));
        }
    }
    none(&faults);
}

#[test]
fn files_and_functions_stay_readable() {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    let mut check = |name: String, lines: usize, most: usize| {
        if lines <= most {
            return;
        }
        match LONGER.iter().find(|(longer, _)| *longer == name) {
            Some((longer, _)) => {
                used.insert(*longer);
            }
            None => faults.push(format!("{name}: {lines} lines, more than {most}")),
        }
    };
    for file in all_files() {
        check(file.path.clone(), file.text.lines().count(), FILE_LINES_MAX);
        for (name, _, lines) in functions(&file.code_and_tests) {
            check(format!("{}: fn {name}", file.path), lines, FUNCTION_LINES_MAX);
        }
    }
    let stale = LONGER.iter().filter(|(name, _)| !used.contains(name));
    faults.extend(stale.map(|(name, _)| format!("{name}: no longer too long; take it off the list")));
    none(&faults);
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let names: Vec<String> =
        migrations().iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert!(!names.is_empty());
    for (number, name) in (1..).zip(&names) {
        assert!(name.starts_with(&format!("{number:04}_")) && name.ends_with(".sql"), "{names:?}");
    }
}

#[test]
fn every_store_function_is_tested_on_both_databases() {
    let tests: String = File::all("tests/it/store").into_iter().map(|file| file.code_and_tests).collect();
    let words: BTreeSet<&str> = tests.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut faults = Vec::new();
    for file in File::all("src/store") {
        for (at, _) in file.code.match_indices("pub async fn ") {
            let rest = &file.code[at + "pub async fn ".len()..];
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            if !words.contains(name) {
                faults.push(format!("{}: {name} is named nowhere in tests/it/store", file.path));
            }
        }
    }
    none(&faults);
}
