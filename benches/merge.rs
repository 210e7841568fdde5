//! Rendering an issue's variants, and filling them for each recipient:
//!
//!     cargo bench --bench merge -- [--small]
//!
//! `variants` renders and encodes the demo's January issue for every partner and role, on one core, as freezing does.
//! `fills` writes one recipient's finished message after another from an encoded variant, as delivery does. The
//! reference of the second, in the same run, copies a finished message of the same size: no template at all. The last
//! line is one JSON object.

#![expect(clippy::print_stdout, reason = "a bench talks to the terminal")]

#[path = "support/usage.rs"]
mod usage;

use std::{hint::black_box, path::Path, time::Instant};

use partnercast::{
    domain::{
        content::Library,
        partner::{AudienceRole, Partner},
        program::{subject_test::Arm, touch::Withheld},
    },
    render::{
        SlotValues, Templates,
        email::{Recipient, WireTemplate},
    },
    work::{
        cobrand::Media,
        compose::{self, Plan, Readers},
        folder, sync,
    },
};
use serde_json::json;
use usage::{Meter, peak_mb, resident_mb};

const ISSUE: &str = "newsletters/fold-forward/2027-01-12";

fn main() {
    let is_small = std::env::args().any(|argument| argument == "--small");
    let (rounds, fills) = if is_small { (3, 100_000) } else { (20, 1_000_000) };
    let files =
        folder::read_now(&Path::new(env!("CARGO_MANIFEST_DIR")).join("content")).expect("the demo's content");
    let read = sync::read(&files, 0);
    let media = sync::paths_of_images(&files);
    let templates = Templates::load(None).expect("our own templates");
    let (variants_per_s, wire) = variants(&templates, &read.library, &media, &read.partners, rounds);
    let wire = WireTemplate::from_text(&wire).expect("as it was written");
    let meter = Meter::start();
    let (fills_per_s, message) = filled(&wire, fills);
    let (_, cpu_s) = meter.read();
    let copies_per_s = copied(&message, fills);
    println!("fills: {fills_per_s:.0} a second of {} bytes; copying alone {copies_per_s:.0}", message.len());
    let line = json!({
        "bench": "merge",
        "variants_per_s": variants_per_s.round(),
        "per_s": fills_per_s.round(),
        "message_bytes": message.len(),
        "reference": "copying a finished message",
        "ratio": (fills_per_s / copies_per_s * 1_000.0).round() / 1_000.0,
        "cpu_s_per_100k": (cpu_s / fills as f64 * 1e7).round() / 100.0,
        "peak_mb": peak_mb().round(),
        "resident_mb": resident_mb().round(),
    });
    println!("{line}");
}

/// Variants a second, and one of them.
fn variants(
    templates: &Templates,
    library: &Library,
    media: &Media,
    partners: &[Partner],
    rounds: usize,
) -> (f64, String) {
    let issue = library.versions(ISSUE).first().expect("the January issue");
    let plan = Plan::of(library, media, issue).expect("its newsletter");
    let (mut made, mut last) = (0, String::new());
    let began = Instant::now();
    for _ in 0..rounds {
        for partner in partners {
            for role in AudienceRole::ALL {
                let roles = Some([role].into_iter().collect());
                let readers = Readers {
                    partner,
                    roles,
                    locale: &partner.locale,
                    arm: Arm::A,
                    withheld: Withheld::NOTHING,
                };
                let variant =
                    compose::variant(templates, &plan, readers, "iss_bench").expect("it is rendered");
                (made, last) = (made + 1, variant.wire);
            }
        }
    }
    let per_s = f64::from(made) / began.elapsed().as_secs_f64();
    println!("variants: {per_s:.0} a second, {made} rendered and encoded");
    (per_s, last)
}

/// Messages a second, and one of them.
fn filled(wire: &WireTemplate, count: usize) -> (f64, Vec<u8>) {
    let mut message = Vec::new();
    let began = Instant::now();
    for number in 0..count {
        let address = format!("reader{number}@partner.example");
        let recipient = Recipient {
            to_name: "Dana Whitlock",
            to_email: &address,
            unsubscribe_mail: Some("unsubscribe+0123456789abcdef0123456789@bounces.vendor.example"),
            message_id: "dlv_01a22106e53c78b8a2fb9c0a4bf88cff@partners.vendor.example",
            date_ms: 1_799_744_700_000,
            values: SlotValues {
                first_name: "Dana",
                full_name: "Dana Whitlock",
                base_url: "https://news.vendor.example",
                click_token: "kX3l0s9d8f7g6h5j4k3l2m1n0b9v8c7x6z5",
                via_token: "kX3l0s9d8f7g6h5j4k3l2m1n0b9v8c7x6z5",
                preferences_token: "pX3l0s9d8f7g6h5j4k3l2m1n0b9v8c7x6z5",
            },
        };
        message.clear();
        wire.fill(&recipient, &mut message).expect("plain values");
        black_box(&message);
    }
    (count as f64 / began.elapsed().as_secs_f64(), message)
}

/// Copies a second.
fn copied(message: &[u8], count: usize) -> f64 {
    let mut copy = Vec::new();
    let began = Instant::now();
    for _ in 0..count {
        copy.clear();
        copy.extend_from_slice(black_box(message));
        black_box(&copy);
    }
    count as f64 / began.elapsed().as_secs_f64()
}
