//! Partners' own sites: what their page shows of articles is posted there, corrected and withdrawn.
//!
//! `plan` writes down what should stand on each site, from the content as it is; the loop (`run`) takes one post a site at a time
//! and `send` makes it so, of which `settle` says what follows. A post is made once: it is looked for by its slug before it is made, and nothing counts as done without
//! the id that the site gave it. People act through `manage`.

mod article;
mod manage;
mod notice;
mod plan;
mod run;
mod send;
mod settle;

pub use manage::{Connect, connect, disconnect, retry};
pub use run::{Seen, run, tick};

/// What the keys are made for.
const PURPOSE: &str = "site-password";
/// Who acts when nobody does.
const ACTOR: &str = "partnercast";

/// The address of a route of WordPress's REST API, which works whatever its permalinks look like.
fn route(base: &str, path: &str, query: &str) -> String {
    format!("{base}/index.php?rest_route=/wp/v2/{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::route;

    #[test]
    fn a_route_is_a_query_of_the_front_page() {
        assert_eq!(
            route("https://a.example/blog", "posts/7", "&_fields=id"),
            "https://a.example/blog/index.php?rest_route=/wp/v2/posts/7&_fields=id"
        );
    }
}
