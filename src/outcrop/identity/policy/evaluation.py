"""The decision: which policies must allow a request, and which may."""

from outcrop.identity.policy.requests import Decision, Policies, Request


def decide(request: Request, policies: Policies) -> Decision:
    """Say whether a request is allowed, in AWS's order of evaluation.

    An explicit deny in any policy ends it. Otherwise, within one account, identity policies allow as far as the
    boundary and every session policy do, or the resource's policy allows on its own: to a user, a session or
    everybody in full, to a role as far as its boundary and session policies go, and to the account not at all: that
    hands the question on to the identity policies. Across accounts both sides must allow. Key and trust policies
    must allow in every case. The account root needs no identity policy; services and anonymous callers have only
    the resource's policy.
    """
    raise NotImplementedError
