"""The product's own errors.

OutcropError
├── ConfigurationError      a setting is wrong; says which and why
├── HomeError               the home folder is in use, unreadable or of a newer version
├── DatasetError            a record of a data file is wrong; knows file and line
├── HyperparameterError     unknown name, not a number, out of range
├── JobStateError           a job's state does not allow a transition
├── JobFailed               a job cannot go on; the message becomes its failureMessage
├── ModelNotFound           no such base model or alias
├── EngineError             the inference engine failed on a request
│   └── EngineNotReady      it is still loading
├── ObjectStoreUnavailable  the external endpoint that keeps objects' content fails
├── StorageFull             the disk has no room for this object or job
├── SealBroken              sealed bytes do not open: wrong key or context, or changed
├── PolicyError             a document is not a valid policy; words are AWS's, knows the element
└── KeySourceUnavailable    the root of trust cannot be reached, or refuses

Adding one: derive it here, draw it above, and map it to an AWS error in the service that meets it.
"""


class OutcropError(Exception):
    """Any error of the product that is not a bug; the message is fit for the user."""


class ConfigurationError(OutcropError):
    """A setting is wrong."""


class HomeError(OutcropError):
    """The home folder cannot be used."""


class DatasetError(OutcropError):
    """A data file breaks its format.

    Args:
        message: what is wrong and what to do, without the place.
        file: name or URI of the file.
        line: line number from 1, or None when the file as a whole is meant.
    """

    def __init__(self, message: str, file: str, line: int | None = None) -> None:
        place = file if line is None else f"{file}, line {line}"
        super().__init__(f"{place}: {message}")
        self.file = file
        self.line = line


class HyperparameterError(OutcropError):
    """A hyperparameter is unknown, malformed or out of range."""


class JobStateError(OutcropError):
    """A job's state does not allow what was asked."""


class JobFailed(OutcropError):
    """A job cannot go on; the message is shown as its failure message."""


class ModelNotFound(OutcropError):
    """No base model answers to this id."""


class EngineError(OutcropError):
    """The engine failed on a request."""


class EngineNotReady(EngineError):
    """The engine is still loading its model."""


class EngineGone(EngineError):
    """The engine's process was ended from outside; a new one may do what it was asked."""


class StorageFull(OutcropError):
    """The disk has no room left for what was being written."""


class ObjectStoreUnavailable(OutcropError):
    """The external endpoint that keeps objects' content cannot be reached, or refuses."""


class SealBroken(OutcropError):
    """Sealed bytes do not open."""


class PolicyError(OutcropError):
    """A document is not a valid policy.

    Args:
        message: as AWS words it in MalformedPolicyDocument and its kin.
        element: what is wrong: "Document", "Statement", "Principal", "Action", …
    """

    def __init__(self, message: str, element: str) -> None:
        super().__init__(message)
        self.element = element


class KeySourceUnavailable(OutcropError):
    """The root of trust cannot be reached, or refuses."""
