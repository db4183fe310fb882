//! What went wrong, as the caller must know it.
use scylla::errors::{
    BadQuery, ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError,
    ExecutionError, MetadataError, NewSessionError, PrepareError, RequestAttemptError,
};

/// The numbers of driver.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Kind {
    Invalid = 1,
    NotFound = 2,
    Unavailable = 3,
    Denied = 4,
    Canceled = 5,
    Internal = 6,
    Insecure = 7,
}

#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: Kind,
    pub text: String,
    /// The server may have done it all the same.
    pub unsure: bool,
}

pub type Outcome<T> = Result<T, Failure>;

pub fn failure(kind: Kind, text: impl Into<String>) -> Failure {
    Failure { kind, text: text.into(), unsure: false }
}

pub fn invalid(text: impl Into<String>) -> Failure {
    failure(Kind::Invalid, text)
}

pub fn internal(text: impl std::fmt::Display) -> Failure {
    failure(Kind::Internal, text.to_string())
}

fn unavailable(text: impl std::fmt::Display, unsure: bool) -> Failure {
    Failure { kind: Kind::Unavailable, text: text.to_string(), unsure }
}

impl Failure {
    pub fn may_pass(&self) -> bool {
        self.kind == Kind::Unavailable
    }
    pub fn context(mut self, context: &str) -> Failure {
        self.text = format!("{context}: {}", self.text);
        self
    }
}

fn of_server(error: &DbError, words: &str) -> Failure {
    let told = |kind| failure(kind, words);
    match error {
        DbError::SyntaxError | DbError::ConfigError | DbError::AlreadyExists { .. } => {
            told(Kind::Invalid)
        }
        DbError::Invalid => {
            let missing = ["unconfigured table", "does not exist", "unconfigured columnfamily"];
            let found = missing.iter().any(|text| words.contains(text));
            told(if found { Kind::NotFound } else { Kind::Invalid })
        }
        DbError::AuthenticationError | DbError::Unauthorized => told(Kind::Denied),
        DbError::Unavailable { consistency, required, alive } => unavailable(
            format!("{required} replicas are needed for {consistency}, {alive} are alive"),
            false,
        ),
        DbError::Overloaded | DbError::IsBootstrapping | DbError::TruncateError => {
            unavailable(words, false)
        }
        DbError::ServerError
        | DbError::ReadTimeout { .. }
        | DbError::WriteTimeout { .. }
        | DbError::ReadFailure { .. }
        | DbError::WriteFailure { .. } => unavailable(words, true),
        _ => failure(Kind::Invalid, format!("{error}: {words}")),
    }
}

fn of_io(error: &std::io::Error) -> Failure {
    let words = error.to_string();
    let insecure = words.contains("certificate") || words.contains("ssl") || words.contains("SSL");
    if insecure {
        return failure(Kind::Insecure, words);
    }
    unavailable(words, true)
}

impl From<&RequestAttemptError> for Failure {
    fn from(error: &RequestAttemptError) -> Failure {
        match error {
            RequestAttemptError::DbError(error, words) => of_server(error, words),
            RequestAttemptError::BrokenConnectionError(error) => unavailable(error, true),
            RequestAttemptError::UnableToAllocStreamId => unavailable(error, false),
            RequestAttemptError::RepreparedIdChanged { .. } => {
                failure(Kind::Invalid, "the table was changed while it was used")
            }
            other => internal(other),
        }
    }
}

impl From<&ConnectionError> for Failure {
    fn from(error: &ConnectionError) -> Failure {
        match error {
            ConnectionError::IoError(error) => of_io(error),
            ConnectionError::ConnectTimeout => unavailable("no answer in time", true),
            ConnectionError::ConnectionSetupRequestError(setup) => match setup.get_error() {
                ConnectionSetupRequestErrorKind::DbError(error, words) => of_server(error, words),
                ConnectionSetupRequestErrorKind::MissingAuthentication => {
                    failure(Kind::Denied, "the server wants a user and a password")
                }
                ConnectionSetupRequestErrorKind::StartAuthSessionError(error)
                | ConnectionSetupRequestErrorKind::AuthChallengeEvaluationError(error)
                | ConnectionSetupRequestErrorKind::AuthFinishError(error) => {
                    failure(Kind::Denied, error.to_string())
                }
                other => unavailable(other, true),
            },
            other => unavailable(other, true),
        }
    }
}

impl From<&ConnectionPoolError> for Failure {
    fn from(error: &ConnectionPoolError) -> Failure {
        match error {
            ConnectionPoolError::Broken { last_connection_error } => last_connection_error.into(),
            other => unavailable(other, false),
        }
    }
}

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Failure {
        match &error {
            PrepareError::ConnectionPoolError(error) => error.into(),
            PrepareError::AllAttemptsFailed { first_attempt } => first_attempt.into(),
            other => internal(other),
        }
    }
}

impl From<MetadataError> for Failure {
    fn from(error: MetadataError) -> Failure {
        match &error {
            MetadataError::ConnectionPoolError(error) => error.into(),
            other => unavailable(other, false),
        }
    }
}

impl From<ExecutionError> for Failure {
    fn from(error: ExecutionError) -> Failure {
        match error {
            ExecutionError::BadQuery(BadQuery::SerializationError(error)) => internal(error),
            ExecutionError::BadQuery(error) => invalid(error.to_string()),
            ExecutionError::PrepareError(error) => error.into(),
            ExecutionError::ConnectionPoolError(error) => (&error).into(),
            ExecutionError::LastAttemptError(error) => (&error).into(),
            ExecutionError::RequestTimeout(after) => {
                unavailable(format!("no answer in {} ms", after.as_millis()), true)
            }
            ExecutionError::MetadataError(error) => error.into(),
            other => unavailable(other, true),
        }
    }
}

impl From<NewSessionError> for Failure {
    fn from(error: NewSessionError) -> Failure {
        match error {
            NewSessionError::MetadataError(error) => error.into(),
            NewSessionError::FailedToResolveAnyHostname(names) => {
                failure(Kind::Unavailable, format!("nobody knows the host {}", names.join(", ")))
            }
            other => invalid(other.to_string()),
        }
    }
}
