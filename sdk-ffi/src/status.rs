//! The numbers of the header: explicit, never renumbered, never used again.

use flagcore::shadow::{self, LaunchState};
use flagcore::{ErrorCode, Reason};

/// Makes an enum of explicit numbers with the names that the header gives them.
macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $number:literal, $written:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum $name { $($(#[$about])* $variant = $number,)* }

        impl $name {
            /// Every one with its name in the header.
            pub const ALL: &'static [(&'static str, i32)] = &[$(($written, $number)),*];

            /// The one of a number, if there is one.
            pub fn of(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

numbers! {
    /// What a call came to.
    Status {
        /// It did what it says.
        Ok = 0, "FLAGCORE_OK";
        /// An argument that must be given is NULL.
        Null = 1, "FLAGCORE_ERROR_NULL";
        /// A handle that was freed, or was never given out.
        InvalidHandle = 2, "FLAGCORE_ERROR_INVALID_HANDLE";
        /// A handle of another type than is wanted.
        WrongHandle = 3, "FLAGCORE_ERROR_WRONG_HANDLE";
        /// A flag of another client.
        ForeignFlag = 4, "FLAGCORE_ERROR_FOREIGN_FLAG";
        /// A handle that another call is changing right now.
        InUse = 5, "FLAGCORE_ERROR_IN_USE";
        /// Text that is not UTF-8.
        InvalidUtf8 = 6, "FLAGCORE_ERROR_INVALID_UTF8";
        /// An argument that is none of those allowed.
        InvalidArgument = 7, "FLAGCORE_ERROR_INVALID_ARGUMENT";
        /// A structure whose size this library does not know.
        StructSize = 8, "FLAGCORE_ERROR_STRUCT_SIZE";
        /// What cannot be part of a context.
        InvalidContext = 9, "FLAGCORE_ERROR_INVALID_CONTEXT";
        /// Text that is not JSON, or not JSON of the kind that is wanted.
        InvalidJson = 10, "FLAGCORE_ERROR_INVALID_JSON";
        /// Flag files that have errors, or cannot be read.
        Refused = 11, "FLAGCORE_ERROR_REFUSED";
        /// No source that takes bytes has the name.
        NoSource = 12, "FLAGCORE_ERROR_NO_SOURCE";
        /// An index past the end.
        OutOfRange = 13, "FLAGCORE_ERROR_OUT_OF_RANGE";
        /// The process was forked after the client was opened.
        Forked = 14, "FLAGCORE_ERROR_FORKED";
        /// A listener called what waits for it.
        InListener = 15, "FLAGCORE_ERROR_IN_LISTENER";
        /// The system has no thread, or the library no handle, left.
        Exhausted = 16, "FLAGCORE_ERROR_EXHAUSTED";
        /// Header and library do not fit together.
        AbiMismatch = 17, "FLAGCORE_ERROR_ABI_MISMATCH";
        /// A bug of this library, contained.
        Internal = 18, "FLAGCORE_ERROR_INTERNAL";
        /// A copy that was said to have ended before.
        Ended = 19, "FLAGCORE_ERROR_ENDED";
    }
}

impl Status {
    /// The same in a sentence for people, with a NUL at the end.
    pub(crate) fn text(self) -> &'static std::ffi::CStr {
        match self {
            Status::Ok => c"no error",
            Status::Null => c"an argument that must be given is NULL",
            Status::InvalidHandle => c"the handle was freed, or is none",
            Status::WrongHandle => c"the handle is of another type",
            Status::ForeignFlag => c"the flag is of another client",
            Status::InUse => c"another call is using the handle",
            Status::InvalidUtf8 => c"the text is not UTF-8",
            Status::InvalidArgument => c"the argument is none of those allowed",
            Status::StructSize => c"the structure's size is unknown; set struct_size to its sizeof",
            Status::InvalidContext => c"the value cannot be part of a context",
            Status::InvalidJson => c"the text is not JSON, or not of the kind wanted",
            Status::Refused => c"the flag files are refused",
            Status::NoSource => c"no source that takes bytes has this name",
            Status::OutOfRange => c"the index is past the end",
            Status::Forked => c"the process was forked after the client was opened",
            Status::InListener => c"a listener called what waits for it",
            Status::Exhausted => c"the system has no thread, or the library no handle, left",
            Status::AbiMismatch => c"header and library do not fit together",
            Status::Internal => c"a bug of the library, contained",
            Status::Ended => c"the copy ended before",
        }
    }
}

numbers! {
    /// What kind of value there is, or is asked for.
    Type {
        /// No value; asked for: whatever there is.
        Any = 0, "FLAGCORE_TYPE_ANY";
        /// True or false.
        Boolean = 1, "FLAGCORE_TYPE_BOOLEAN";
        /// Text.
        String = 2, "FLAGCORE_TYPE_STRING";
        /// A whole number.
        Integer = 3, "FLAGCORE_TYPE_INTEGER";
        /// A number.
        Float = 4, "FLAGCORE_TYPE_FLOAT";
        /// Named values, as JSON text.
        Object = 5, "FLAGCORE_TYPE_OBJECT";
        /// Values in order, as JSON text; never asked for.
        List = 6, "FLAGCORE_TYPE_LIST";
    }
}

numbers! {
    /// Why a flag gave what it gave.
    ReasonNumber {
        /// It has no targeting.
        Static = 1, "FLAGCORE_REASON_STATIC";
        /// Its targeting picked nothing.
        Default = 2, "FLAGCORE_REASON_DEFAULT";
        /// Its targeting picked the variant.
        TargetingMatch = 3, "FLAGCORE_REASON_TARGETING_MATCH";
        /// A share of the subjects gets the variant.
        Split = 4, "FLAGCORE_REASON_SPLIT";
        /// It is off duty.
        Disabled = 5, "FLAGCORE_REASON_DISABLED";
        /// The answer comes from data that may be out of date.
        Stale = 6, "FLAGCORE_REASON_STALE";
        /// There is no answer.
        Error = 7, "FLAGCORE_REASON_ERROR";
        /// One that this library has no number for.
        Unknown = 8, "FLAGCORE_REASON_UNKNOWN";
    }
}

impl From<Reason> for ReasonNumber {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Static => ReasonNumber::Static,
            Reason::Default => ReasonNumber::Default,
            Reason::TargetingMatch => ReasonNumber::TargetingMatch,
            Reason::Split => ReasonNumber::Split,
            Reason::Disabled => ReasonNumber::Disabled,
            Reason::Stale => ReasonNumber::Stale,
            Reason::Error => ReasonNumber::Error,
            _ => ReasonNumber::Unknown,
        }
    }
}

numbers! {
    /// Why there is no answer.
    ErrorCodeNumber {
        /// There is one.
        None = 0, "FLAGCORE_CODE_NONE";
        /// No flag has the key.
        FlagNotFound = 1, "FLAGCORE_CODE_FLAG_NOT_FOUND";
        /// The flag's targeting cannot be applied.
        ParseError = 2, "FLAGCORE_CODE_PARSE_ERROR";
        /// The variant is of another type than was asked for.
        TypeMismatch = 3, "FLAGCORE_CODE_TYPE_MISMATCH";
        /// The targeting key is missing where one is needed.
        TargetingKeyMissing = 4, "FLAGCORE_CODE_TARGETING_KEY_MISSING";
        /// The context cannot be evaluated.
        InvalidContext = 5, "FLAGCORE_CODE_INVALID_CONTEXT";
        /// Anything else.
        General = 6, "FLAGCORE_CODE_GENERAL";
    }
}

impl From<Option<ErrorCode>> for ErrorCodeNumber {
    fn from(code: Option<ErrorCode>) -> Self {
        match code {
            None => ErrorCodeNumber::None,
            Some(ErrorCode::FlagNotFound) => ErrorCodeNumber::FlagNotFound,
            Some(ErrorCode::ParseError) => ErrorCodeNumber::ParseError,
            Some(ErrorCode::TypeMismatch) => ErrorCodeNumber::TypeMismatch,
            Some(ErrorCode::TargetingKeyMissing) => ErrorCodeNumber::TargetingKeyMissing,
            Some(ErrorCode::InvalidContext) => ErrorCodeNumber::InvalidContext,
            Some(_) => ErrorCodeNumber::General,
        }
    }
}

numbers! {
    /// How a flag file is written.
    FormatNumber {
        /// JSON.
        Json = 1, "FLAGCORE_FORMAT_JSON";
        /// YAML.
        Yaml = 2, "FLAGCORE_FORMAT_YAML";
    }
}

numbers! {
    /// How strictly flag files are taken.
    ModeNumber {
        /// What the reference accepts is accepted, with warnings.
        Lenient = 0, "FLAGCORE_MODE_LENIENT";
        /// Whatever is surely a mistake refuses the file.
        Strict = 1, "FLAGCORE_MODE_STRICT";
    }
}

numbers! {
    /// The generation of bucketing.
    BucketingNumber {
        /// Percentages in floating point.
        V1 = 1, "FLAGCORE_BUCKETING_V1";
        /// Whole-number shares of a hash of the text.
        V2 = 2, "FLAGCORE_BUCKETING_V2";
        /// Whole-number shares of a hash of the CBOR encoding.
        V3 = 3, "FLAGCORE_BUCKETING_V3";
    }
}

numbers! {
    /// A bound that can be set.
    LimitNumber {
        /// Bytes of one flag file.
        FileBytes = 1, "FLAGCORE_LIMIT_FILE_BYTES";
        /// Levels of nesting.
        Depth = 2, "FLAGCORE_LIMIT_DEPTH";
        /// Nodes of one flag.
        FlagNodes = 3, "FLAGCORE_LIMIT_FLAG_NODES";
        /// Nodes of one file.
        SetNodes = 4, "FLAGCORE_LIMIT_SET_NODES";
        /// Flags of one source.
        Flags = 5, "FLAGCORE_LIMIT_FLAGS";
        /// Variants of one flag.
        Variants = 6, "FLAGCORE_LIMIT_VARIANTS";
        /// Bytes of a flag's key.
        KeyBytes = 7, "FLAGCORE_LIMIT_KEY_BYTES";
    }
}

numbers! {
    /// How a client is.
    StateNumber {
        /// Every source has delivered something valid.
        Ready = 1, "FLAGCORE_STATE_READY";
        /// Some source has not delivered anything valid yet.
        NotReady = 2, "FLAGCORE_STATE_NOT_READY";
        /// All are served, but what some source holds now is refused: its last good flags are served.
        Stale = 3, "FLAGCORE_STATE_STALE";
        /// The process is a copy of the one that opened the client: nobody keeps it up to its sources.
        Forked = 4, "FLAGCORE_STATE_FORKED";
    }
}

numbers! {
    /// What a listener hears.
    UpdateNumber {
        /// A new snapshot is served.
        Changed = 1, "FLAGCORE_UPDATE_CHANGED";
        /// What a source holds is refused.
        Refused = 2, "FLAGCORE_UPDATE_REFUSED";
        /// What a source holds is in doubt and waits.
        Held = 3, "FLAGCORE_UPDATE_HELD";
        /// Whatever a source was refused or held for is over.
        Recovered = 4, "FLAGCORE_UPDATE_RECOVERED";
    }
}

numbers! {
    /// What happened to a flag.
    ChangeNumber {
        /// It is new.
        Added = 1, "FLAGCORE_CHANGE_ADDED";
        /// Something about it is different.
        Updated = 2, "FLAGCORE_CHANGE_UPDATED";
        /// It is gone.
        Removed = 3, "FLAGCORE_CHANGE_REMOVED";
    }
}

numbers! {
    /// How bad a finding is.
    SeverityNumber {
        /// The file is used; somebody should look.
        Warning = 1, "FLAGCORE_SEVERITY_WARNING";
        /// The file is refused.
        Error = 2, "FLAGCORE_SEVERITY_ERROR";
    }
}

numbers! {
    /// How an explanation is written.
    ExplainNumber {
        /// Lines for people.
        Text = 1, "FLAGCORE_EXPLAIN_TEXT";
        /// JSON, for programs.
        Json = 2, "FLAGCORE_EXPLAIN_JSON";
    }
}

numbers! {
    /// Marks of a detail, one bit each.
    Mark {
        /// The answer may be another one a moment later, with the same flags and the same context.
        Passing = 1, "FLAGCORE_MARK_PASSING";
        /// The process was forked after the client was opened: nobody keeps the flags up to their sources.
        Forked = 2, "FLAGCORE_MARK_FORKED";
    }
}

numbers! {
    /// What a sample of a dark launch meets.
    ShadowStateNumber {
        /// Nothing is sampled.
        Off = 1, "FLAGCORE_SHADOW_OFF";
        /// It is handed to the candidate.
        Running = 2, "FLAGCORE_SHADOW_RUNNING";
        /// The control runs alone for a moment.
        Resting = 3, "FLAGCORE_SHADOW_RESTING";
        /// A few samples are let through, to see.
        Probing = 4, "FLAGCORE_SHADOW_PROBING";
        /// Too many candidates failed.
        Failing = 5, "FLAGCORE_SHADOW_FAILING";
        /// The control is slower beside the candidate.
        Slowing = 6, "FLAGCORE_SHADOW_SLOWING";
        /// The client is gone, or had no thread for its launches.
        Ended = 7, "FLAGCORE_SHADOW_ENDED";
        /// The process is a copy of the one that opened the client.
        Forked = 8, "FLAGCORE_SHADOW_FORKED";
    }
}

impl ShadowStateNumber {
    /// The number of a state; none for one that has none yet.
    pub(crate) fn told(state: LaunchState) -> Option<Self> {
        Some(match state {
            LaunchState::Off => Self::Off,
            LaunchState::Running => Self::Running,
            LaunchState::Resting => Self::Resting,
            LaunchState::Probing => Self::Probing,
            LaunchState::Failing => Self::Failing,
            LaunchState::Slowing => Self::Slowing,
            LaunchState::Ended => Self::Ended,
            _ => return None,
        })
    }

    /// The same in one word, with a NUL at the end.
    pub(crate) fn text(self) -> &'static std::ffi::CStr {
        match self {
            Self::Off => c"off",
            Self::Running => c"running",
            Self::Resting => c"resting",
            Self::Probing => c"probing",
            Self::Failing => c"failing",
            Self::Slowing => c"slowing",
            Self::Ended => c"ended",
            Self::Forked => c"forked",
        }
    }
}

numbers! {
    /// How a copy of a sample ended.
    OutcomeNumber {
        /// Nothing differs.
        Match = 1, "FLAGCORE_OUTCOME_MATCH";
        /// Something differs.
        Mismatch = 2, "FLAGCORE_OUTCOME_MISMATCH";
        /// Only what is ignored differs.
        Ignored = 3, "FLAGCORE_OUTCOME_IGNORED";
        /// It failed where the control did not.
        Failed = 4, "FLAGCORE_OUTCOME_FAILED";
        /// It took too long.
        Timeout = 5, "FLAGCORE_OUTCOME_TIMEOUT";
        /// It was not run, or not compared.
        Dropped = 6, "FLAGCORE_OUTCOME_DROPPED";
    }
}

numbers! {
    /// Why a copy was not run, or not compared.
    DropNumber {
        /// Too many wait.
        QueueFull = 1, "FLAGCORE_DROP_QUEUE_FULL";
        /// More would have started than the limit `rate` allows.
        Rate = 2, "FLAGCORE_DROP_RATE";
        /// As many run as the limit `in_flight` allows.
        InFlight = 3, "FLAGCORE_DROP_IN_FLIGHT";
        /// A breaker was open.
        Breaker = 4, "FLAGCORE_DROP_BREAKER";
        /// The control ran alone for a moment.
        Baseline = 5, "FLAGCORE_DROP_BASELINE";
        /// It waited longer than the limit `timeout`.
        Late = 6, "FLAGCORE_DROP_LATE";
        /// An answer was bigger than the limit `body`.
        TooBig = 7, "FLAGCORE_DROP_TOO_BIG";
        /// Too many candidates hang.
        Stuck = 8, "FLAGCORE_DROP_STUCK";
        /// The input could not be captured.
        Capture = 9, "FLAGCORE_DROP_CAPTURE";
        /// It was asked for inside of a candidate.
        Nested = 10, "FLAGCORE_DROP_NESTED";
        /// It was not started, or given up without a word.
        Spawn = 11, "FLAGCORE_DROP_SPAWN";
        /// The flag was switched off while it waited.
        SwitchedOff = 12, "FLAGCORE_DROP_SWITCHED_OFF";
        /// The host or the client is at its end.
        Shutdown = 13, "FLAGCORE_DROP_SHUTDOWN";
    }
}

impl From<DropNumber> for shadow::Reason {
    fn from(number: DropNumber) -> Self {
        match number {
            DropNumber::QueueFull => shadow::Reason::QueueFull,
            DropNumber::Rate => shadow::Reason::Rate,
            DropNumber::InFlight => shadow::Reason::InFlight,
            DropNumber::Breaker => shadow::Reason::Breaker,
            DropNumber::Baseline => shadow::Reason::Baseline,
            DropNumber::Late => shadow::Reason::Late,
            DropNumber::TooBig => shadow::Reason::TooBig,
            DropNumber::Stuck => shadow::Reason::Stuck,
            DropNumber::Capture => shadow::Reason::Capture,
            DropNumber::Nested => shadow::Reason::Nested,
            DropNumber::Spawn => shadow::Reason::Spawn,
            DropNumber::SwitchedOff => shadow::Reason::SwitchedOff,
            DropNumber::Shutdown => shadow::Reason::Shutdown,
        }
    }
}

numbers! {
    /// How a report is written.
    ReportNumber {
        /// Lines for people.
        Text = 1, "FLAGCORE_REPORT_TEXT";
        /// JSON, for programs.
        Json = 2, "FLAGCORE_REPORT_JSON";
        /// Metrics, as Prometheus reads them.
        Prometheus = 3, "FLAGCORE_REPORT_PROMETHEUS";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_for_dropping_has_a_number_of_its_name() {
        let told: Vec<shadow::Reason> = DropNumber::ALL
            .iter()
            .map(|(name, number)| {
                let reason: shadow::Reason = DropNumber::of(*number).unwrap().into();
                assert_eq!(*name, format!("FLAGCORE_DROP_{}", reason.as_str().to_uppercase()));
                reason
            })
            .collect();
        assert_eq!(told, shadow::Reason::ALL);
    }

    #[test]
    fn states_of_launches_are_spelled_as_the_core_spells_them() {
        use LaunchState::*;
        for state in [Off, Running, Resting, Probing, Failing, Slowing, Ended] {
            let number = ShadowStateNumber::told(state).unwrap();
            assert_eq!(number.text().to_str(), Ok(state.as_str()));
            let name = format!("FLAGCORE_SHADOW_{}", state.as_str().to_uppercase());
            assert!(ShadowStateNumber::ALL.contains(&(name.as_str(), number as i32)));
        }
    }
}
