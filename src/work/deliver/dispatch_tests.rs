use super::*;
use crate::domain::delivery::Reply;
