//! Files of rows at the terminal, for programs: every fault at once, a JSON object a line.

use std::process::Command;

use partnercast::store::Db;
use serde_json::Value;

use super::{Rig, steering::Program};
use crate::harness::databases::with_empty_postgres;

/// Runs a command, whose own words come before the configuration, and returns whether it succeeded and all it said.
fn run(program: &Program, arguments: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partnercast"));
    let done = command.args(arguments.split(' ')).arg("--config").arg(program.config()).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

fn refuses(program: &Program, arguments: &str) -> String {
    let (done, says) = run(program, arguments);
    assert!(!done, "{arguments}: {says}");
    says
}

/// The faults among what was said.
fn faults(said: &str) -> Vec<Value> {
    let lines = said.lines().filter(|line| line.starts_with("{\"fault\""));
    lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["fault"].clone()).collect()
}

fn at(fault: &Value, keys: [&str; 2]) -> (u64, String) {
    assert!(["message", "fix"].iter().all(|key| !fault[*key].as_str().unwrap().is_empty()), "{fault}");
    (fault[keys[0]].as_u64().unwrap(), fault[keys[1]].as_str().unwrap().to_owned())
}

#[test]
fn every_fault_of_a_dry_run_is_a_line_of_json() {
    with_empty_postgres(|url| async move {
        let rig = Rig::new(Db::open(&url).await.unwrap()).await;
        let program = Program::on(&url);
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let fair = file(
            "fair.csv",
            "email,name,company,partner,country\nno address,Ada,Clinic,northlight,DE\nb@b.example,Bo,Bank,northligt,Germany\n",
        );
        let said = refuses(&program, &format!("import leads {fair} --dry-run --json"));
        let told: Vec<_> = faults(&said).iter().map(|fault| at(fault, ["row", "column"])).collect();
        let expected = [(2, "email"), (3, "partner"), (3, "country")];
        assert_eq!(told.len(), expected.len(), "{said}");
        assert!(expected.iter().all(|(row, column)| told.contains(&(*row, (*column).to_owned()))), "{said}");

        let updates = file("updates.csv", "lead_id,stage,value,currency\nled_1,wun,12,EUR\n,won,-5,XXX\n");
        let said = refuses(&program, &format!("import lead-updates {updates} --dry-run --json"));
        let told: Vec<_> = faults(&said).iter().map(|fault| at(fault, ["row", "column"]).0).collect();
        assert!(told.contains(&2) && told.contains(&3), "{said}");

        file(
            "partners.csv",
            "slug,name,type,tier,region,city,zone,locale,verticals,parent,channel_manager_email,website\n\
             t,Thornbury,hoster,gold,emea,X,Europe/Lundon,en-GB,,,claire@v.example,https://t.example\n",
        );
        file(
            "contacts.csv",
            "partner,name,email,roles,locale,zone,lead_contact\nt,Rhys,r@t.example,tecnical,,,no\nt,Al,nobody,sales,,,yes\n",
        );
        let roster = folder.path().display().to_string();
        let said = refuses(&program, &format!("import {roster} --dry-run --json"));
        let told: Vec<_> = faults(&said).iter().map(|fault| at(fault, ["line", "column"])).collect();
        for expected in [(2, "zone"), (2, "roles"), (3, "email")] {
            assert!(told.contains(&(expected.0, expected.1.to_owned())), "{expected:?}: {said}");
        }
        assert!(said.contains("nothing was imported"), "{said}");
        let help = run(&program, "import leads --help").1;
        assert!(help.contains("\"row\", \"column\", \"value\", \"message\", \"fix\""), "{help}");
        let help = run(&program, "import --help").1;
        assert!(help.contains("\"file\", \"line\", \"column\", \"message\", \"fix\""), "{help}");
        rig.ctx.db.close().await;
    });
}
