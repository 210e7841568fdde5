//! Moving an installation from SQLite to PostgreSQL: all or nothing, and checked before it counts.

use crate::{
    domain::kernel::{Error, Result},
    store::{
        Db,
        transfer::{self, Sum, Target},
    },
};

/// Rows after which progress is told.
const TOLD_EVERY: u64 = 100_000;

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Its name.
    pub table: String,
    /// What it holds, on both sides.
    pub sum: Sum,
}

/// Checks that `target` may take an installation: nothing is in it. To be asked before its tables are made.
///
/// # Errors
/// `Conflict` with what is there.
pub async fn check_target(target: &Db) -> Result<Target> {
    let there = transfer::target(target).await?;
    match &there {
        Target::Foreign(names) => Err(Error::conflict(format!(
            "that database holds tables of another program ({}); make a new one: CREATE DATABASE partnercast",
            names.join(", ")
        ))),
        Target::Fresh | Target::Ours => Ok(there),
    }
}

/// Copies every table of `source` into `target`, compares both, and commits only when all are the same; `before` is
/// what [`check_target`] said. The source is only read. `tell` hears of rows as they are copied.
///
/// # Errors
/// `Conflict` when the target holds anything, or what arrived is not what was sent; then the target is as before.
pub async fn migrate(
    source: &Db,
    target: &Db,
    before: &Target,
    tell: &mut (dyn FnMut(&str, u64) + Send),
) -> Result<Vec<Moved>> {
    if source.migrations().await? != target.migrations().await? {
        return Err(Error::conflict(
            "the tables of the two databases are of different versions; use one partnercast for both",
        ));
    }
    let tables = transfer::tables(source).await?;
    let mut tx = target.begin().await?;
    if *before == Target::Ours {
        let mut full = Vec::new();
        for table in &tables {
            let sum = transfer::sum(&mut tx, table).await?;
            if sum.rows > 0 {
                full.push(format!("{} ({} rows)", table.name, sum.rows));
            }
        }
        if !full.is_empty() {
            return Err(Error::conflict(format!(
                "that database is not empty: {}. Make a new one: CREATE DATABASE partnercast",
                full.join(", ")
            )));
        }
    } else {
        // What migrations put into their own tables comes from the source, too.
        for table in tables.iter().rev() {
            transfer::clear(&mut tx, table).await?;
        }
    }
    let (mut moved, mut faults) = (Vec::new(), Vec::new());
    for table in &tables {
        let mut told = 0;
        let mut progress = |rows: u64| {
            if rows >= told + TOLD_EVERY {
                told = rows;
                tell(&table.name, rows);
            }
        };
        let sent = transfer::copy(source, &mut tx, table, &mut progress).await?;
        let arrived = transfer::sum(&mut tx, table).await?;
        if sent == arrived {
            moved.push(Moved { table: table.name.clone(), sum: sent });
        } else {
            faults.push(format!(
                "{}: {} rows with sum {:032x} were sent, {} with {:032x} arrived",
                table.name, sent.rows, sent.digest, arrived.rows, arrived.digest
            ));
        }
    }
    if faults.is_empty() {
        tx.commit().await?;
        Ok(moved)
    } else {
        Err(Error::conflict(format!(
            "what arrived is not what was sent, so nothing was kept: {}",
            faults.join("; ")
        )))
    }
}
