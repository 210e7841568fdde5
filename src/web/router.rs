//! Every address, as one list.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state, map_response},
    routing::{get, patch, post},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, DefaultPredicate, Predicate, predicate::NotForContentType},
    limit::RequestBodyLimitLayer,
    timeout::TimeoutLayer,
};

use super::{
    api, console, csrf, demo, desk, error, headers,
    health::{self, Readiness},
    hooks, incoming, metrics, preview, public, statics,
    throttle::Throttle,
};
use crate::{
    channel::mailbox::MESSAGE_BYTES_MAX,
    work::{Context, preview::Preview},
};

/// Largest body of a request, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest time for a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The whole web layer. Serve it with connect info (`SocketAddr`), so that visitors' networks are known.
pub fn router(ctx: Arc<Context>) -> Router {
    router_with(ctx, Readiness::default())
}

/// The same with a [`Readiness`] that the caller turns off before stopping.
pub fn router_with(ctx: Arc<Context>, readiness: Readiness) -> Router {
    let mut routes = Router::new().merge(open()).merge(mail_links()).merge(pages()).merge(desk_routes());
    let mut inside = console_routes();
    if ctx.settings.demo {
        inside = inside.merge(demo_routes(&ctx));
    } else {
        routes = routes.route("/", get(console::home));
    }
    let routes = routes.merge(inside.layer(from_fn_with_state(ctx.clone(), console::signin::gate)));
    guarded(routes, mail_in().merge(programs()), ctx, readiness)
}

/// The author's pages, for `partnercast preview`.
pub fn preview_router(preview: Arc<Preview>) -> Router {
    let ctx = preview.ctx.clone();
    let routes = open()
        .merge(preview_routes())
        .layer(Extension(preview))
        .layer(from_fn(preview::on_this_machine_alone));
    guarded(routes, Router::new(), ctx, Readiness::default())
}

/// Limits, headers and errors around all routes; `long` are those whose bodies have limits of their own.
fn guarded(routes: Routes, long: Routes, ctx: Arc<Context>, readiness: Readiness) -> Router {
    routes
        .fallback(public::nothing)
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .merge(long)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(Extension(readiness))
        .layer(Extension(Arc::new(Throttle::default())))
        .layer(from_fn_with_state(ctx.clone(), csrf::guard))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(ctx.clone(), error::shown))
        .layer(from_fn_with_state(ctx.clone(), headers::add))
        // Typefaces are packed already.
        .layer(
            CompressionLayer::new()
                .compress_when(DefaultPredicate::new().and(NotForContentType::const_new("font/"))),
        )
        .layer(from_fn_with_state(ctx.clone(), metrics::count))
        .with_state(ctx)
}

type Routes = Router<Arc<Context>>;

/// Files and health: for everybody.
fn open() -> Routes {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/robots.txt", get(public::trap::robots))
        .route("/static/{name}", get(statics::file))
        .route("/static/fonts/{name}", get(statics::font))
        .route("/media/{name}", get(public::media::file))
}

/// What whoever writes content sees.
fn preview_routes() -> Routes {
    Router::new()
        .route("/", get(preview::list::page))
        .route("/changes", get(preview::changes))
        .route("/reference", get(preview::reference::page))
        .route("/reference/{kind}", get(preview::reference::kind))
        .route("/assets/{*reference}", get(preview::asset::page))
        .route("/frames/{*reference}", get(preview::frame::show))
        .route("/send/{*reference}", post(preview::sent::send))
        .route("/p/{partner}/brand.css", get(public::brand::style_sheet))
        .route("/p/{partner}", get(preview::frame::home))
        .route("/p/{partner}/{*reference}", get(preview::frame::follow))
}

/// What comes back by mail, for who knows the secret: messages are longer than forms.
fn mail_in() -> Routes {
    Router::new()
        .route(incoming::PATH, post(incoming::take))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(MESSAGE_BYTES_MAX))
}

/// For programs with a key.
fn programs() -> Routes {
    Router::new()
        .route(api::LEADS, post(api::leads))
        .route(api::LEAD, patch(api::lead))
        .route(hooks::PATH, post(hooks::take))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(api::BODY_BYTES_MAX))
}

/// What links in mails lead to: the token is the key, no cookies.
fn mail_links() -> Routes {
    Router::new()
        .route("/c/{token}/{no}", get(public::click::follow))
        .route("/nothing-here/{token}", get(public::trap::follow))
        .route("/t/{token}/{partner}/{folder}/{slug}", get(public::placed::follow))
        .route("/v/{token}", get(public::click::in_browser))
        .route("/u/{token}/one-click", get(public::preferences::page).post(public::preferences::one_click))
        .route("/one-click/{token}", get(public::preferences::page).post(public::preferences::one_click))
        .layer(map_response(async |response| headers::untraced(response)))
        .route("/u/{token}", get(public::preferences::page).post(public::preferences::change))
}

/// Partners' own pages, for their customers.
fn pages() -> Routes {
    Router::new()
        .route("/p/{partner}", get(public::home::page))
        .route("/p/{partner}/brand.css", get(public::brand::style_sheet))
        .route("/p/{partner}/feed.atom", get(public::feed::public))
        .route("/p/{partner}/feed.json", get(public::feed::public))
        .route("/feeds/{name}", get(public::feed::inside))
        .route("/p/{partner}/embed", get(public::embedded::list))
        .route("/p/{partner}/embed.html", get(public::embedded::list))
        .route("/p/{partner}/talk-to-us", get(public::form::talk).post(public::form::talk_sent))
        .route("/p/{partner}/{folder}/{slug}", get(public::asset::page).post(public::form::asset_sent))
        .route("/p/{partner}/{folder}/{slug}/share", get(public::share::page).post(public::share::told))
        .route("/p/{partner}/{folder}/{slug}/recording", get(public::recording::watch))
        .route("/stay/{token}", post(public::stay::told))
        .route("/p/{partner}/forms/{slug}/embed", get(public::embed::page).post(public::embed::sent))
        .route("/p/{partner}/{folder}/{slug}/embed", get(public::embedded::asset))
        .route("/p/{partner}/{folder}/{slug}/embed.html", get(public::embedded::asset))
        .route("/embed/{name}", get(public::loader::script))
        .route("/oembed", get(public::oembed::answer))
        .route("/p/{partner}/{folder}/{slug}/document.pdf", get(public::document::download))
        .route("/p/{partner}/{folder}/{slug}/calendar.ics", get(public::calendar::session))
        .route("/calendars/{name}", get(public::calendar::show))
        .route("/r/{access}", get(public::thanks::page).post(public::thanks::talk))
        .route("/r/{access}/document.pdf", get(public::thanks::document))
}

/// For sales reps: the offer's token opens the card, the desk's cookie keeps it open.
fn desk_routes() -> Routes {
    Router::new()
        .route("/o/{token}", get(desk::offer::page))
        .route("/o/{token}/open", post(desk::offer::open))
        .route("/o/{token}/renew", post(desk::offer::renew))
        .route("/o/{token}/accept", post(desk::offer::accept))
        .route("/o/{token}/reject", post(desk::offer::reject))
        .route("/claim/{token}", get(desk::claim::page))
        .route("/claim/{token}/open", post(desk::claim::open))
        .route("/claim/{token}/claim", post(desk::claim::claim))
        .route("/claim/{token}/decline", post(desk::claim::decline))
        .route("/connect/{token}", get(desk::connect::page))
        .route("/connect/back/{id}", get(desk::connect::returned).post(desk::connect::finish))
        .route("/post/{token}", get(desk::post::page))
        .route("/post/{token}/shared", post(desk::post::shared))
        .route("/post/{token}/approve", post(desk::post::approve))
        .route("/desk", get(desk::leads::page))
        .route("/desk/sign-in", post(desk::enter::ask))
        .route("/desk/enter/{token}", get(desk::enter::page).post(desk::enter::enter))
        .route("/desk/closed", get(desk::closed::page))
        .route("/desk/team", get(desk::team::page))
        .route("/desk/conflicts/{id}", get(desk::conflict::page).post(desk::conflict::decide))
        .route("/desk/conflicts/{id}/again", post(desk::conflict::again))
        .route("/desk/leads/{id}", get(desk::work::page))
        .route("/desk/leads/{id}/give", get(desk::give::page).post(desk::give::give))
        .route("/desk/leads/{id}/{what}", post(desk::work::record))
        .route("/console/sign-in", get(console::signin::explain).post(console::signin::ask))
        .route("/console/sign-in/{token}", get(console::signin::page).post(console::signin::enter))
        .layer(map_response(async |response| headers::private(response)))
}

/// For marketers and channel managers, signed in.
fn console_routes() -> Routes {
    Router::new()
        .route("/console", get(console::overview::page))
        .route("/console/live.json", get(console::overview::live))
        .route("/console/issues/{id}", get(console::issue::page))
        .route("/console/issues/{id}/live.json", get(console::issue::live))
        .route("/console/issues/{id}/people/{contact}", get(console::person::page))
        .route("/console/issues/{id}/tests", post(console::issue::test))
        .route("/console/issues/{id}/{action}", post(console::levers::steer))
        .route("/console/issues/{id}/deliveries/{delivery}/again", post(console::issue::send_again))
        .route("/console/audience/{newsletter}/{date}", get(console::audience::page))
        .route("/console/promises", get(console::promises::list))
        .route("/console/promises/{newsletter}/{date}", get(console::promises::page))
        .route("/console/calendar", get(console::calendar::page))
        .route("/console/calendar.json", get(console::calendar::document))
        .route("/console/dead-letters", get(console::dead_letters::page))
        .route("/console/dead-letters/again", post(console::dead_letters::again))
        .route("/console/renditions/{id}", get(console::content::rendition))
        .route("/console/renditions/{id}/html", get(console::content::rendition_html))
        .route("/console/ladder", get(console::ladder::page))
        .route("/console/ladder/{rung}", get(console::ladder_rows::page))
        .route("/console/attribution", get(console::attribution::page))
        .route("/console/attribution/deals", get(console::attribution::deals))
        .route("/console/attribution/deals.csv", get(console::attribution::csv))
        .route("/console/conflicts", get(console::conflicts::list))
        .route("/console/conflicts/{id}", get(console::conflicts::page).post(console::conflicts::decide))
        .route("/console/conflicts/{id}/again", post(console::conflicts::again))
        .route("/console/leads", get(console::leads::list))
        .route("/console/leads/{id}", get(console::leads::page))
        .route("/console/leads/{id}/person.json", get(console::leads::export))
        .route("/console/leads/{id}/erase", post(console::leads::erase))
        .route("/console/leads/{id}/give", post(console::lead_give::give))
        .route("/console/partners", get(console::partners::list))
        .route("/console/partners/{slug}", get(console::partners::page))
        .route("/console/partners/{slug}/embed", get(console::embeds::page))
        .route("/console/suppressions", get(console::suppressions::page))
        .route("/console/suppressions/add", post(console::suppressions::add))
        .route("/console/suppressions/lift", post(console::suppressions::lift))
        .route("/console/suppressions/reports/{id}", get(console::suppressions::report))
        .route("/console/sites", get(console::sites::list).post(console::sites::connect))
        .route("/console/sites/{id}", get(console::sites::page))
        .route("/console/sites/{id}/{action}", post(console::sites::act))
        .route("/console/webhooks", get(console::webhooks::list).post(console::webhooks::add))
        .route("/console/webhooks/{id}", get(console::webhook::page))
        .route("/console/webhooks/{id}/{action}", post(console::webhook::act))
        .route("/console/social", get(console::social::list).post(console::social::connect))
        .route("/console/social/invite", post(console::social::invite))
        .route("/console/social/invitations/{id}/withdraw", post(console::social::withdraw))
        .route("/console/social/{id}", get(console::social_account::page))
        .route("/console/social/{id}/{action}", post(console::social_account::act))
        .route("/console/content", get(console::content::list))
        .route("/console/messages", get(console::messages::page))
        .route("/console/sequences", get(console::sequences::list))
        .route("/console/sequences/{slug}", get(console::sequences::page))
        .route("/console/sequences/{slug}/pause", post(console::sequences::pause))
        .route("/console/sequences/{slug}/resume", post(console::sequences::resume))
        .route("/console/sequences/{slug}/people/{enrolment}/out", post(console::sequences::take_out))
        .route("/console/revisions/{*file}", get(console::revisions::page))
        .route("/console/diff/{*file}", get(console::diff::page))
        .route("/console/recalls", post(console::revisions::recall))
        .route("/console/recalls/lift", post(console::revisions::lift))
        .route("/console/bundles/{partner}/{folder}/{slug}", get(console::bundle::download))
        .route("/console/documents/{partner}/{folder}/{slug}", get(console::bundle::document))
        .route("/console/content/{folder}/{*slug}", get(console::content::preview))
        .route("/console/sign-out", post(console::signin::leave))
}

/// The demo's story and inbox.
fn demo_routes(ctx: &Context) -> Routes {
    let mail = demo::Mail::new(ctx.settings.mailbox.clone());
    Router::new()
        .route("/", get(demo::story::page))
        .route("/story.json", get(demo::story::live))
        .route("/inbox", get(demo::inbox::list))
        .route("/inbox/{id}", get(demo::inbox::page))
        .route("/inbox/{id}/html", get(demo::inbox::html))
        .layer(Extension(mail))
}
