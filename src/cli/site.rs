//! `partnercast site`

use super::{ConfigArgument, load, looking, say, secret_line, start_log, steer, writing};
use crate::{
    domain::kernel::{
        Error, Result,
        clock::{UtcMs, utc},
    },
    store::{
        site_posts::{self, Post},
        sites::{self, Site},
    },
    work::{
        Context,
        sites::{self as work, Connect},
    },
};

/// Arguments of `site`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Connect a partner's WordPress, or connect it anew. The application password is read from standard input, and asked for at
    /// a terminal: it is never an argument, which others on this machine could read.
    Connect(Add),
    /// List sites, with what is wrong with them.
    List {
        /// Of this partner alone.
        #[arg(long)]
        partner: Option<String>,
    },
    /// List a site's posts: what stands there under which id, what waits and why.
    Posts {
        /// Its id.
        id: String,
    },
    /// Have what failed or waits tried now; one post that was taken away there is made anew when it is named.
    Retry {
        /// The site's id.
        id: String,
        /// An asset, such as blog/restores-not-backups; all without.
        #[arg(long)]
        asset: Option<String>,
    },
    /// Forget a site and its password. What was posted stays there, and is the partner's from then on.
    Disconnect {
        /// Its id.
        id: String,
    },
}

/// What `connect` is told.
#[derive(Debug, clap::Args)]
struct Add {
    /// The partner's slug.
    partner: String,
    /// Where: `https://northlight.example`.
    url: String,
    /// As whom, by the name that the site knows.
    #[arg(long)]
    user: String,
    /// `draft`: somebody there publishes each post. `publish`: it is public at once.
    #[arg(long, default_value = "draft")]
    mode: String,
    /// From which day on articles are posted, by their day of publication; today if left out.
    #[arg(long, default_value = "")]
    since: String,
    /// Who is told by mail when the site refuses us; whoever looks after the partner if left out.
    #[arg(long, default_value = "")]
    email: String,
}

/// Does it.
///
/// # Errors
/// A database that cannot be opened; what the use cases refuse.
pub async fn main(arguments: Arguments) -> Result<()> {
    match arguments.what {
        What::List { partner } => {
            let ctx = looking::context(&arguments.config, None).await?;
            let listed = list(&ctx, partner.as_deref()).await;
            ctx.db.close().await;
            return listed;
        }
        What::Posts { id } => {
            let ctx = looking::context(&arguments.config, None).await?;
            let listed = posts(&ctx, &id).await;
            ctx.db.close().await;
            return listed;
        }
        _ => {}
    }
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let ctx = writing::context(&config, "/console/sites").await?;
    let done = change(&ctx, arguments.what).await;
    ctx.db.close().await;
    done
}

async fn change(ctx: &Context, what: What) -> Result<()> {
    let actor = steer::ACTOR;
    match what {
        What::Connect(add) => {
            let order = Connect {
                partner: add.partner,
                url: add.url,
                username: add.user,
                password: secret_line::read("Application password")?,
                mode: add.mode,
                since: add.since,
                contact_email: add.email,
            };
            let site = work::connect(ctx, actor, &order).await?;
            say(&line(&site));
            say(&format!("`serve` posts what is published from {} on", site.since_day));
        }
        What::Retry { id, asset } => {
            let count = work::retry(ctx, actor, &id, asset.as_deref()).await?;
            say(&format!("{count} posts are tried by `serve`"));
        }
        What::Disconnect { id } => {
            let site = work::disconnect(ctx, actor, &id).await?;
            say(&format!("{} is forgotten, with its password; its posts stay there", site.url));
        }
        What::List { .. } | What::Posts { .. } => {}
    }
    Ok(())
}

async fn list(ctx: &Context, partner: Option<&str>) -> Result<()> {
    if let Some(slug) = partner {
        looking::known_partner(ctx, slug).await?;
    }
    let all = sites::list(&ctx.db, partner).await?;
    all.iter().for_each(|site| say(&line(site)));
    if all.is_empty() {
        say("there are no sites; `partnercast site connect --help` tells how to connect one");
    }
    Ok(())
}

async fn posts(ctx: &Context, id: &str) -> Result<()> {
    let site = sites::site(&ctx.db, id).await?;
    let site =
        site.ok_or_else(|| Error::not_found_but(format!("site {id}"), "`partnercast site list` shows all"))?;
    say(&line(&site));
    let posts = site_posts::of_site(&ctx.db, id).await?;
    posts.iter().for_each(|post| say(&post_line(post)));
    if posts.is_empty() {
        say(&format!("nothing is posted there yet; it is what is published from {} on", site.since_day));
    }
    Ok(())
}

fn minute(ms: UtcMs) -> String {
    utc(ms).format("%Y-%m-%d %H:%M").to_string()
}

/// `sit_…  northlight  https://northlight.example  wordpress as ada  draft  active`
fn line(site: &Site) -> String {
    let state = if site.because.is_empty() {
        site.state.clone()
    } else {
        format!("{}: {}", site.state, site.because)
    };
    let Site { id, partner_slug, url, kind, username, mode, .. } = site;
    format!("{id}  {partner_slug}  {url}  {kind} as {username}  {mode}  {state}")
}

/// `blog/a  placed  17  https://…`
fn post_line(post: &Post) -> String {
    let state = match (post.state.as_str(), post.because.as_str()) {
        ("waiting", "") => "waiting".to_owned(),
        ("waiting", because) => format!("waiting until {}: {because}", minute(post.due_ms)),
        (state, "") => state.to_owned(),
        (state, because) => format!("{state}: {because}"),
    };
    let remote = post.remote_id.map(|id| format!("  post {id}  {}", post.remote_url)).unwrap_or_default();
    format!("{}  {state}{remote}", post.asset).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_says_how_it_stands() {
        let post = |state: &str, because: &str, remote_id| {
            let (state, because) = (state.to_owned(), because.to_owned());
            post_line(&Post { asset: "blog/a".into(), state, because, remote_id, ..Post::default() })
        };
        assert_eq!(post("placed", "", Some(7)), "blog/a  placed  post 7");
        assert_eq!(
            post("waiting", "it answers 503", None),
            "blog/a  waiting until 1970-01-01 00:00: it answers 503"
        );
    }
}
