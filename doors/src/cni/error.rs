//! Errors as CNI has them: a code, a sentence, and its causes (CNI specification 1.1.0, section 5, "Error").

use serde_json::{Value, json};

use crate::netd::CallError;

/// Why a plugin did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CniError {
    code: Code,
    message: String,
    details: String,
}

/// The specification's numbers; those from 100 on are a plugin's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    IncompatibleVersion = 1,
    UnsupportedField = 2,
    UnknownContainer = 3,
    InvalidEnvironment = 4,
    InputOutput = 5,
    Decode = 6,
    InvalidConfig = 7,
    TryAgain = 11,
    NotAvailable = 50,
    /// Something else has what was asked for: a port, an address, an interface's name.
    Taken = 100,
    /// What was attached is not as it was.
    Changed = 101,
    /// `netd` failed.
    Failed = 102,
}

impl CniError {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: String::new(),
        }
    }

    /// The same, of another code.
    pub(super) fn with(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Whether it is of a code.
    pub(super) fn is(&self, code: Code) -> bool {
        self.code == code
    }

    /// What goes to the standard output.
    pub(super) fn document(&self, version: &str) -> Value {
        json!({
            "cniVersion": version,
            "code": self.code as u32,
            "msg": self.message,
            "details": self.details,
        })
    }
}

impl From<CallError> for CniError {
    fn from(error: CallError) -> Self {
        let code = match &error {
            CallError::Unreachable { .. } | CallError::Deadline(_) => Code::TryAgain,
            CallError::Refused { status, .. } => match status {
                404 => Code::UnknownContainer,
                400 | 501 => Code::InvalidConfig,
                403 | 409 => Code::Taken,
                _ => Code::Failed,
            },
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Self {
            code,
            message: error.to_string(),
            details: cause.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_netd_answers_has_a_code_that_runtimes_act_on() {
        let refused = |status| CallError::Refused {
            status,
            message: "m".to_owned(),
        };
        for (error, code) in [
            (CallError::Deadline(Duration::from_secs(60)), 11),
            (refused(404), 3),
            (refused(400), 7),
            (refused(409), 100),
            (refused(500), 102),
        ] {
            let document = CniError::from(error).document("1.0.0");
            assert_eq!(document["code"], code, "{document}");
        }
    }
}
