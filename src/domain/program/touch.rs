//! Touches: how often somebody met a key message, in which forms the last time, and what is not told to them any more.

use std::fmt;

use crate::domain::{
    content::{asset::Form, kinds::CARDS_MAX},
    kernel::clock::UtcMs,
};

/// How people take in a mail's own words.
pub const FORM_OF_MAIL: Form = Form::Read;
/// Places in [`Withheld`]: as many as the cards of a letter and of a translation that has wholly others.
pub const PLACES: usize = 2 * CARDS_MAX;

/// What somebody had of one key message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// In how many mails.
    pub times: u32,
    /// In which forms the last time: a mail may have several cards of it.
    pub last: Forms,
    /// When that was.
    pub last_ms: Option<UtcMs>,
}

/// Forms in which a mail tells a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forms {
    to_read: bool,
    to_watch: bool,
    to_do: bool,
}

impl Forms {
    /// Whether `form` is among them.
    pub fn holds(self, form: Form) -> bool {
        match form {
            Form::Read => self.to_read,
            Form::Watch => self.to_watch,
            Form::Do => self.to_do,
        }
    }

    fn and(mut self, form: Form) -> Self {
        match form {
            Form::Read => self.to_read = true,
            Form::Watch => self.to_watch = true,
            Form::Do => self.to_do = true,
        }
        self
    }
}

impl FromIterator<Form> for Forms {
    fn from_iter<I: IntoIterator<Item = Form>>(forms: I) -> Self {
        forms.into_iter().fold(Self::default(), Self::and)
    }
}

impl Told {
    /// With one more mail, at `at_ms`, that told it in `forms`; of mails at one instant none is the last, and all their forms
    /// are.
    pub fn and(self, at_ms: UtcMs, forms: &[Form]) -> Self {
        let times = self.times.saturating_add(1);
        if forms.is_empty() || self.last_ms.is_some_and(|last_ms| at_ms < last_ms) {
            return Self { times, ..self };
        }
        let before = if self.last_ms == Some(at_ms) { self.last } else { Forms::default() };
        let last = forms.iter().fold(before, |all, form| all.and(*form));
        Self { times, last, last_ms: Some(at_ms) }
    }
}

/// Why something is not told to somebody any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// They were told as often as one is.
    Enough(u32),
    /// They met it in this very form the time before.
    SameForm(Form),
}

/// Why a message of which somebody had `told` is not told to them in `form`; none where it is.
pub fn untold(told: Told, touches_max: u32, form: Option<Form>) -> Option<Untold> {
    if told.times >= touches_max {
        return Some(Untold::Enough(told.times));
    }
    form.filter(|form| told.last.holds(*form)).map(Untold::SameForm)
}

impl Untold {
    /// In a sentence about the message that says `title`.
    pub fn because(self, title: &str) -> String {
        match self {
            Self::Enough(times) => {
                let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
                format!("has been told “{title}” {times}, which is as often as one is")
            }
            Self::SameForm(form) => {
                format!("met “{title}” the time before in this form, too ({})", form.as_str())
            }
        }
    }
}

/// Forms in the order in which they are met, each once, where it stands last.
pub fn forms_met(forms: impl IntoIterator<Item = Form>) -> Vec<Form> {
    let mut met: Vec<Form> = Vec::new();
    for form in forms {
        met.retain(|known| *known != form);
        met.push(form);
    }
    met
}

/// Cards of a letter that are left out for somebody, by their place among all that it names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Withheld(u64);

impl Withheld {
    /// Nothing is.
    pub const NOTHING: Self = Self(0);

    /// Whether the card at `place` is.
    pub fn holds(self, place: usize) -> bool {
        place < PLACES && self.0 & (1 << place) != 0
    }

    /// With the card at `place`, which is below [`PLACES`].
    #[must_use]
    pub fn and(self, place: usize) -> Self {
        if place < PLACES { Self(self.0 | 1 << place) } else { self }
    }

    /// How many are.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMS: [Form; 3] = [Form::Read, Form::Watch, Form::Do];

    #[test]
    fn a_message_stops_at_its_cap_and_never_comes_twice_in_one_form() {
        let told = Told::default().and(5, &[Form::Read]);
        assert_eq!(untold(told, 7, Some(Form::Read)), Some(Untold::SameForm(Form::Read)));
        assert_eq!(untold(told, 7, Some(Form::Watch)), None);
        assert_eq!(untold(told, 7, None), None, "a mail's own words are read each time");
        assert_eq!(untold(told, 1, Some(Form::Watch)), Some(Untold::Enough(1)));
        let forms = |told: Told| FORMS.into_iter().filter(|form| told.last.holds(*form)).collect::<Vec<_>>();
        let both = told.and(6, &forms_met([Form::Read, Form::Watch, Form::Read, Form::Watch]));
        assert_eq!((both.times, forms(both)), (2, vec![Form::Read, Form::Watch]));
        assert_eq!(untold(both, 7, Some(Form::Read)), Some(Untold::SameForm(Form::Read)), "one of two forms");
        assert_eq!(untold(both, 7, Some(Form::Watch)), Some(Untold::SameForm(Form::Watch)));
        assert_eq!(untold(both, 7, Some(Form::Do)), None);
        let before = both.and(4, &[Form::Do]);
        assert_eq!(
            (before.times, forms(before)),
            (3, vec![Form::Read, Form::Watch]),
            "the last is the latest"
        );
        assert_eq!(
            forms(before.and(9, &[])),
            [Form::Read, Form::Watch],
            "a mail without a form changes none"
        );
        assert_eq!(forms(both.and(7, &[Form::Do])), [Form::Do], "the mail before the last one is forgotten");
        assert_eq!(forms(both.and(6, &[Form::Do])), FORMS, "of two at one instant neither is the last");
        assert_eq!(forms_met([Form::Read, Form::Watch, Form::Read]), [Form::Watch, Form::Read]);
    }

    #[test]
    fn cards_are_left_out_by_their_place() {
        let withheld = Withheld::NOTHING.and(0).and(63).and(64);
        let held: Vec<usize> = (0..70).filter(|place| withheld.holds(*place)).collect();
        assert_eq!((held, withheld.count()), (vec![0, 63], 2));
    }

    proptest! {
        /// Whatever is offered: nobody is told more often than the cap, or twice in a row in one form.
        #[test]
        fn what_is_told_keeps_cap_and_change(offered in proptest::collection::vec(0..3_usize, 0..60), cap in 1..12_u32) {
            let (mut told, mut had) = (Told::default(), Vec::new());
            for (at_ms, form) in (0..).zip(offered.into_iter().map(|at| FORMS[at])) {
                if untold(told, cap, Some(form)).is_none() {
                    told = told.and(at_ms, &[form]);
                    had.push(form);
                }
            }
            prop_assert!(had.len() <= cap as usize);
            prop_assert!(had.windows(2).all(|two| two[0] != two[1]), "{:?}", had);
        }
    }
}
