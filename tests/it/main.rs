//! The one integration binary: the database suite, the tidy rules, and what needs the whole program.

#[cfg(test)]
mod cadence;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod store;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tidy;
