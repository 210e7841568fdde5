//! Every template with every sample; and the router's manners, in process.

use std::{fs, path::Path};

use serde::Serialize;

use super::{
    console, demo, desk, error,
    frame::{Area, Frame},
    preview,
    public::{self, Branded, brand::BrandView},
    respond::Shown,
    view::{self, form::Form},
};
use crate::{domain::kernel::Locale, render::Templates};

/// Where the rendered samples go, for looking at, if that folder is there.
const LOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/pages");

struct Samples {
    templates: Templates,
    rendered: Vec<String>,
}

impl Samples {
    fn keep(&mut self, file: &str, name: &str, html: Result<String, crate::domain::kernel::Error>) {
        let html = html.unwrap_or_else(|error| panic!("pages/{name}.html: {}", error.detail()));
        if Path::new(LOOK).is_dir() {
            fs::write(Path::new(LOOK).join(format!("{file}.html")), &html).unwrap();
        }
        assert!(html.contains("<main id=\"main\""), "{name} has a main part");
        assert_eq!(html.matches("<h1").count(), 1, "{name} has one first heading");
        for forbidden in ["style=\"", "<style", "onclick", "javascript:"] {
            assert!(!html.contains(forbidden), "{name} holds {forbidden}, which our policy refuses");
        }
        self.rendered.push(name.to_owned());
    }

    fn app(&mut self, file: &str, name: &str, area: Area, page: &impl Serialize) {
        let frame = Frame::sample(area, file);
        let html = self.templates.render(&format!("pages/{name}.html"), &Shown { frame: &frame, page });
        self.keep(file, name, html);
    }

    fn public(&mut self, file: &str, name: &str, page: &impl Serialize) {
        let frame = Frame::sample(Area::Public, file);
        let strings = self.templates.strings(&Locale::en());
        let data = Branded { frame: &frame, brand: &BrandView::sample(), card: None, t: &strings, page };
        let html = self.templates.render(&format!("pages/{name}.html"), &data);
        self.keep(file, name, html);
    }
}

/// What whoever writes content sees.
fn previews(samples: &mut Samples) {
    samples.app("preview-list", "preview/list", Area::Preview, &preview::list::View::sample());
    samples.app("preview-asset", "preview/asset", Area::Preview, &preview::asset::View::sample());
    samples.app("preview-reference", "preview/reference", Area::Preview, &preview::reference::View::sample());
    samples.app("preview-text", "preview/text", Area::Preview, &preview::frame::TextView::sample());
    samples.app("preview-sent", "preview/sent", Area::Preview, &preview::sent::View::sample());
}

fn desks(samples: &mut Samples) {
    samples.app("teaser", "desk/teaser", Area::Desk, &desk::offer::Teaser::sample());
    samples.app("claim", "desk/teaser", Area::Desk, &desk::offer::Teaser::sample_of_call());
    samples.app("card", "desk/card", Area::Desk, &desk::card::CardView::sample());
    samples.app("desk-give", "desk/give", Area::Desk, &desk::give::View::sample(false));
    samples.app("desk-give-refused", "desk/give", Area::Desk, &desk::give::View::sample(true));
    samples.app("desk", "desk/leads", Area::Desk, &desk::leads::View::sample());
    samples.app("desk-closed", "desk/closed", Area::Desk, &desk::closed::View::sample());
    samples.app("desk-enter", "desk/enter", Area::Desk, &desk::enter::View::sample());
    samples.app("desk-conflict", "desk/conflict", Area::Desk, &view::conflict::CaseView::sample(true));
    samples.app("desk-team", "desk/team", Area::Desk, &desk::team::View::sample());
}

#[test]
fn every_page_renders_with_every_sample() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let templates = Templates::load(Some(&folder)).unwrap_or_else(|error| panic!("{}", error.detail()));
    let mut samples = Samples { templates, rendered: Vec::new() };
    samples.app("story", "story/page", Area::Demo, &demo::story::View::sample());
    samples.app("inbox", "inbox/list", Area::Demo, &demo::inbox::ListView::sample());
    for part in ["", "text", "headers"] {
        samples.app(
            &format!("mail-{part}-view"),
            "inbox/mail",
            Area::Demo,
            &demo::inbox::MailView::sample(part),
        );
    }
    partners_pages(&mut samples);
    desks(&mut samples);
    samples.app("overview", "console/overview", Area::Console, &console::overview::View::sample());
    samples.app("issue", "console/issue", Area::Console, &console::issue::View::sample());
    samples.app("returned", "console/returned", Area::Console, &console::levers::ReturnedView::sample());
    samples.app("stale", "console/stale", Area::Console, &console::levers::StaleView::sample());
    samples.app("person", "console/person", Area::Console, &console::person::View::sample());
    for empty in [false, true] {
        samples.app(
            &format!("dead-letters-{empty}"),
            "console/dead_letters",
            Area::Console,
            &console::dead_letters::View::sample(empty),
        );
    }
    samples.app("audience", "console/audience", Area::Console, &console::audience::View::sample());
    samples.app("promises", "console/promises", Area::Console, &console::promises::ListView::sample());
    samples.app("promise", "console/promise", Area::Console, &console::promises::View::sample());
    for empty in [false, true] {
        samples.app(
            &format!("calendar-{empty}"),
            "console/calendar",
            Area::Console,
            &console::calendar::View::sample(empty),
        );
    }
    ladders(&mut samples);
    samples.app("messages", "console/messages", Area::Console, &console::messages::View::sample());
    samples.app("sequences", "console/sequences", Area::Console, &console::sequences::ListView::sample());
    samples.app("sequence", "console/sequence", Area::Console, &console::sequences::View::sample());
    samples.app("leads", "console/leads", Area::Console, &console::leads::ListView::sample());
    samples.app("lead", "console/lead", Area::Console, &console::leads::View::sample());
    conflicts_and_frames(&mut samples);
    samples.app("partners", "console/partners", Area::Console, &console::partners::ListView::sample());
    samples.app("partner", "console/partner", Area::Console, &console::partners::View::sample());
    samples.app(
        "suppressions",
        "console/suppressions",
        Area::Console,
        &console::suppressions::View::sample(),
    );
    samples.app("report", "console/report", Area::Console, &console::suppressions::ReportView::sample());
    samples.app("content", "console/content", Area::Console, &console::content::ListView::sample());
    for recalled in [false, true] {
        samples.app(
            &format!("revisions-{recalled}"),
            "console/revisions",
            Area::Console,
            &console::revisions::View::sample(recalled),
        );
    }
    samples.app("diff", "console/diff", Area::Console, &console::diff::View::sample());
    samples.app("preview", "console/preview", Area::Console, &console::content::PreviewView::sample());
    previews(&mut samples);
    samples.app("sign-in", "console/sign_in", Area::Public, &console::signin::View::sample());
    samples.app("problem", "problem", Area::Public, &error::View::sample());
    for entry in walk(&folder.join("pages")) {
        let source = fs::read_to_string(&entry).unwrap();
        let name = entry.strip_prefix(folder.join("pages")).unwrap().with_extension("");
        let name = name.to_str().unwrap().to_owned();
        assert!(
            !source.contains("{% extends") || samples.rendered.contains(&name),
            "pages/{name}.html has no sample"
        );
    }
}

fn partners_pages(samples: &mut Samples) {
    samples.public("landing", "public/asset", &public::asset::View::sample(Some(Form::sample(false))));
    samples.public("landing-faults", "public/asset", &public::asset::View::sample(Some(Form::sample(true))));
    samples.public("article", "public/asset", &public::asset::View::sample(None));
    samples.public("talk", "public/talk", &public::form::TalkView::sample());
    samples.public("partner-problem", "public/problem", &public::problem::View::sample());
    samples.public("lost", "public/lost", &public::lost::View::sample());
    samples.public("withdrawn", "public/withdrawn", &public::withdrawn::View::sample());
    samples.public("home", "public/home", &public::home::View::sample());
    samples.public("share", "public/share", &public::share::View::sample());
    samples.public("thanks", "public/thanks", &public::thanks::View::sample());
    samples.public("preferences", "public/preferences", &public::preferences::View::sample());
    samples.public("calendar-feed", "public/calendar", &public::calendar::View::sample());
    samples.public("calendar-vendor", "public/calendar_vendor", &public::calendar::View::sample());
}

fn conflicts_and_frames(samples: &mut Samples) {
    for sent in [false, true] {
        samples.public(&format!("embed-{sent}"), "public/embed", &public::embed::View::sample(sent));
    }
    for what in ["list", "article", "notice", "nothing"] {
        let shown = public::embedded::View::sample(what);
        samples.public(&format!("embedded-{what}"), "public/embedded", &shown);
    }
    for is_empty in [false, true] {
        let pasted = console::embeds::View::sample(is_empty);
        samples.app(&format!("embeds-{is_empty}"), "console/embeds", Area::Console, &pasted);
    }
    samples.app("webhook", "console/webhook", Area::Console, &console::webhook::View::sample());
    for open in [false, true] {
        samples.app(
            &format!("sites-{open}"),
            "console/sites",
            Area::Console,
            &console::sites::ListView::sample(open),
        );
        samples.app(
            &format!("site-{open}"),
            "console/site",
            Area::Console,
            &console::sites::View::sample(open),
        );
        let hooks = console::webhooks::ListView::sample(open);
        samples.app(&format!("webhooks-{open}"), "console/webhooks", Area::Console, &hooks);
        let accounts = console::social::ListView::sample(open);
        samples.app(&format!("social-{open}"), "console/social", Area::Console, &accounts);
        let account = console::social_account::View::sample(open);
        samples.app(&format!("social-account-{open}"), "console/social_account", Area::Console, &account);
        samples.app(&format!("post-{open}"), "desk/post", Area::Desk, &desk::post::View::sample(open));
        samples.app(
            &format!("connect-{open}"),
            "desk/connect",
            Area::Desk,
            &desk::connect::View::sample(open),
        );
        let (case, list) =
            (view::conflict::CaseView::sample(open), console::conflicts::ListView::sample(open));
        samples.app(&format!("conflict-{open}"), "console/conflict", Area::Console, &case);
        samples.app(&format!("conflicts-{open}"), "console/conflicts", Area::Console, &list);
    }
}

fn ladders(samples: &mut Samples) {
    for empty in [false, true] {
        let (ladder, rows) =
            (console::ladder::View::sample(empty), console::ladder_rows::RowsView::sample(empty));
        samples.app(&format!("ladder-{empty}"), "console/ladder", Area::Console, &ladder);
        samples.app(&format!("ladder-rows-{empty}"), "console/ladder_rows", Area::Console, &rows);
        let credit = console::attribution::View::sample(empty);
        samples.app(&format!("attribution-{empty}"), "console/attribution", Area::Console, &credit);
        let deals = console::attribution::DealsView::sample(empty);
        samples.app(
            &format!("attribution-deals-{empty}"),
            "console/attribution_deals",
            Area::Console,
            &deals,
        );
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}
