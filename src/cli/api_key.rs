//! `partnercast api-key`

use clap::Subcommand;

use super::{ConfigArgument, load, say, start_log, steer, writing};
use crate::{
    app,
    domain::kernel::{
        Result,
        clock::{UtcMs, utc},
        random::OsRandom,
    },
    store::{
        Db,
        api_keys::{self, ApiKey},
    },
    work::api_keys as keys,
};

/// Arguments of `api-key`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a key for `POST /api/leads` and print it: once, for only its hash is kept.
    Create {
        /// What will use it, for people: `Website forms`.
        name: String,
        /// The slug of the only partner whose leads it may send; all, and the vendor's own, if left out.
        #[arg(long)]
        partner: Option<String>,
        /// How many days it is good, 1 to 3650; two weeks before its end people are told by mail.
        #[arg(long, default_value_t = keys::DAYS)]
        days: u32,
    },
    /// Show all keys, with when each was used last, and when it ends.
    List,
    /// End a key at once.
    Revoke {
        /// Its id, as the list has it: `key_…`.
        id: String,
    },
}

/// Does it.
///
/// # Errors
/// A database that cannot be opened, a partner or a key that is not there.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let now_ms = app::clock_of(&config)?.now_ms();
    let instead = "Stop it, do this, and start it again; on PostgreSQL both work side by side";
    match arguments.what {
        What::Create { name, partner, days } => {
            let db = writing::open(&config, instead).await?;
            let made =
                keys::create(&db, (now_ms, &OsRandom), steer::ACTOR, (&name, partner.as_deref()), days).await;
            db.close().await;
            let (key, secret) = made?;
            say(&line(&key, now_ms));
            say(&secret);
            say("Keep it where the program finds it; it cannot be shown again.");
        }
        What::List => {
            let db = Db::open_read_only(&config.database.url).await?;
            let all = api_keys::list(&db).await;
            db.close().await;
            let all = all?;
            all.iter().for_each(|key| say(&line(key, now_ms)));
            if all.is_empty() {
                say("there are no keys");
            }
        }
        What::Revoke { id } => {
            let db = writing::open(&config, instead).await?;
            let done = keys::revoke(&db, (now_ms, &OsRandom), steer::ACTOR, &id).await;
            db.close().await;
            done?;
            say(&format!("{id} is revoked: what is sent with it is refused from now on"));
        }
    }
    Ok(())
}

/// `key_…  Website forms  leads:write  all partners  since 2027-01-12  until 2028-01-12  used 2027-01-13 10:04`
fn line(key: &ApiKey, now_ms: UtcMs) -> String {
    let minute = |ms: UtcMs| utc(ms).format("%Y-%m-%d %H:%M").to_string();
    let used = key.used_ms.map_or_else(|| "never used".to_owned(), |ms| format!("used {}", minute(ms)));
    let revoked = key.revoked_ms.map(|ms| format!("  revoked {}", minute(ms))).unwrap_or_default();
    let whose = key.partner_slug.as_deref().unwrap_or("all partners");
    let since = utc(key.created_ms).format("%Y-%m-%d");
    let until = match key.expires_ms {
        Some(ms) if ms <= now_ms => format!("expired {}", utc(ms).format("%Y-%m-%d")),
        Some(ms) => format!("until {}", utc(ms).format("%Y-%m-%d")),
        None => "without end".to_owned(),
    };
    format!("{}  {}  {}  {whose}  since {since}  {until}  {used}{revoked}", key.id, key.name, key.purpose)
}
