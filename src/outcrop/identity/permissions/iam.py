"""What IAM asks of its callers: for nearly every operation the action of its name, on the entity that it names.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
Management".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from outcrop.identity.permissions import ConditionValues, Need, Rule, Scope

Parameters = Mapping[str, Any]
Context = dict[str, ConditionValues]
Naming = Callable[[Parameters, Scope], str]

_MEMBERS = {
    "user": "UserName",
    "group": "GroupName",
    "role": "RoleName",
    "instance-profile": "InstanceProfileName",
}


def tag_context(tags: Sequence[Mapping[str, str]] | None) -> Context:
    """Return the condition keys of the tags that a request carries."""
    if not tags:
        return {}
    context: Context = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags}
    context["aws:TagKeys"] = tuple(tag["Key"] for tag in tags)
    return context


def _named(kind: str) -> Naming:
    """Return what gives the ARN of the entity that a request names."""
    member = _MEMBERS[kind]
    return lambda parameters, scope: scope.find(kind, parameters[member])


def _caller_or_named(parameters: Parameters, scope: Scope) -> str:
    """Return the ARN of the named user, or of the caller where nobody is named."""
    name = parameters.get("UserName")
    return scope.principal.arn if name is None else scope.find("user", name)


def _policy(parameters: Parameters, _scope: Scope) -> str:
    arn: str = parameters["PolicyArn"]
    return arn


def _source(parameters: Parameters, _scope: Scope) -> str:
    arn: str = parameters["PolicySourceArn"]
    return arn


def _under_path(kind: str) -> Naming:
    """Return what gives the resource of a listing: all entities under its path."""
    return lambda parameters, scope: (
        f"arn:aws:iam::{scope.account_id}:{kind}{parameters.get('PathPrefix', '/')}"
    )


def _everywhere(_parameters: Parameters, _scope: Scope) -> str:
    return "*"


def _request_context(parameters: Parameters) -> Context:
    """Return the condition keys that members of a request stand for."""
    context = tag_context(parameters.get("Tags"))
    if "TagKeys" in parameters:
        context["aws:TagKeys"] = tuple(parameters["TagKeys"])
    if "PermissionsBoundary" in parameters:
        context["iam:PermissionsBoundary"] = parameters["PermissionsBoundary"]
    return context


def _on(operation: str, naming: Naming) -> Rule:
    """Return the rule of an operation that needs the action of its name on one resource."""
    action = f"iam:{operation}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        return (Need(action, naming(parameters, scope), _request_context(parameters)),)

    return rule


def _attaching(operation: str, naming: Naming) -> Rule:
    """Return the rule of an operation that attaches or detaches a managed policy."""
    action = f"iam:{operation}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        context = {"iam:PolicyARN": parameters["PolicyArn"]}
        return (Need(action, naming(parameters, scope), context),)

    return rule


def _creating(operation: str, kind: str, member: str, tagging: str) -> Rule:
    """Return the rule of an operation that makes an entity, which may come with tags."""

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        path = parameters.get("Path", "/")
        arn = f"arn:aws:iam::{scope.account_id}:{kind}{path}{parameters[member]}"
        context = _request_context(parameters)
        needs = [Need(f"iam:{operation}", arn, context)]
        if parameters.get("Tags"):
            needs.append(Need(tagging, arn, context))
        return needs

    return rule


def _moving(operation: str, kind: str) -> Rule:
    """Return the rule of a renaming: it is needed on the old and on the new name (IAM User Guide)."""
    action, title = f"iam:{operation}", kind.title()

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        old = scope.find(kind, parameters[f"{title}Name"])
        path, _, name = old.partition(f":{kind}")[2].rpartition("/")
        path = parameters.get("NewPath", f"{path}/")
        name = parameters.get(f"New{title}Name", name)
        new = f"arn:aws:iam::{scope.account_id}:{kind}{path}{name}"
        return [Need(action, arn) for arn in dict.fromkeys((old, new))]

    return rule


def _create_service_linked_role(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    service = parameters["AWSServiceName"]
    arn = f"arn:aws:iam::{scope.account_id}:role/aws-service-role/{service}/*"
    return (Need("iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": service}),)


def _get_deletion_status(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    path = parameters["DeletionTaskId"].removeprefix("task").rpartition("/")[0]
    arn = f"arn:aws:iam::{scope.account_id}:role{path}"
    return (Need("iam:GetServiceLinkedRoleDeletionStatus", arn),)


def _add_role_to_instance_profile(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    role = scope.find("role", parameters["RoleName"])
    return (
        Need("iam:AddRoleToInstanceProfile", _named("instance-profile")(parameters, scope)),
        Need("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"}),
    )


def _service_credential(operation: str) -> Rule:
    action = f"iam:{operation}"

    def rule(parameters: Parameters, scope: Scope) -> Sequence[Need]:
        context: Context = {}
        if "ServiceName" in parameters:
            context["iam:ServiceSpecificCredentialServiceName"] = parameters["ServiceName"]
        if "CredentialAgeDays" in parameters:
            age_days = str(parameters["CredentialAgeDays"])
            context["iam:ServiceSpecificCredentialAgeDays"] = age_days
        return (Need(action, _caller_or_named(parameters, scope), context),)

    return rule


def _list_service_credentials(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    everybody = f"arn:aws:iam::{scope.account_id}:user/*"
    arn = everybody if parameters.get("AllUsers") else _caller_or_named(parameters, scope)
    return (Need("iam:ListServiceSpecificCredentials", arn),)


def _get_access_key_last_used(parameters: Parameters, scope: Scope) -> Sequence[Need]:
    owner = scope.find("owner-of-access-key", parameters["AccessKeyId"])
    return (Need("iam:GetAccessKeyLastUsed", owner),)


_BY_NAMING: Mapping[Naming, tuple[str, ...]] = {
    _named("user"): (
        "DeleteUser",
        "DeleteUserPermissionsBoundary",
        "DeleteUserPolicy",
        "GetUserPolicy",
        "ListAttachedUserPolicies",
        "ListGroupsForUser",
        "ListUserPolicies",
        "ListUserTags",
        "PutUserPermissionsBoundary",
        "PutUserPolicy",
        "TagUser",
        "UntagUser",
    ),
    _caller_or_named: (
        "CreateAccessKey",
        "DeleteAccessKey",
        "DeleteLoginProfile",
        "GetLoginProfile",
        "GetUser",
        "ListAccessKeys",
        "ListMFADevices",
        "ListSSHPublicKeys",
        "ListSigningCertificates",
        "UpdateAccessKey",
    ),
    _named("group"): (
        "AddUserToGroup",
        "DeleteGroup",
        "DeleteGroupPolicy",
        "GetGroup",
        "GetGroupPolicy",
        "ListAttachedGroupPolicies",
        "ListGroupPolicies",
        "PutGroupPolicy",
        "RemoveUserFromGroup",
    ),
    _named("role"): (
        "DeleteRole",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DeleteServiceLinkedRole",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListInstanceProfilesForRole",
        "ListRolePolicies",
        "ListRoleTags",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
    ),
    _named("instance-profile"): (
        "DeleteInstanceProfile",
        "GetInstanceProfile",
        "ListInstanceProfileTags",
        "RemoveRoleFromInstanceProfile",
        "TagInstanceProfile",
        "UntagInstanceProfile",
    ),
    _policy: (
        "CreatePolicyVersion",
        "DeletePolicy",
        "DeletePolicyVersion",
        "GetPolicy",
        "GetPolicyVersion",
        "ListEntitiesForPolicy",
        "ListPolicyTags",
        "ListPolicyVersions",
        "SetDefaultPolicyVersion",
        "TagPolicy",
        "UntagPolicy",
    ),
    _source: ("GetContextKeysForPrincipalPolicy", "SimulatePrincipalPolicy"),
    _under_path("user"): ("ListUsers",),
    _under_path("group"): ("ListGroups",),
    _under_path("role"): ("ListRoles",),
    _under_path("policy"): ("ListPolicies",),
    _under_path("instance-profile"): ("ListInstanceProfiles",),
    _everywhere: (
        "CreateAccountAlias",
        "DeleteAccountAlias",
        "GetAccountAuthorizationDetails",
        "GetAccountSummary",
        "GetContextKeysForCustomPolicy",
        "ListAccountAliases",
        "ListVirtualMFADevices",
        "SimulateCustomPolicy",
    ),
}

NEEDS: Mapping[str, Rule] = {
    **{
        operation: _on(operation, naming)
        for naming, operations in _BY_NAMING.items()
        for operation in operations
    },
    **{
        f"{verb}{kind.title()}Policy": _attaching(f"{verb}{kind.title()}Policy", _named(kind))
        for verb in ("Attach", "Detach")
        for kind in ("user", "group", "role")
    },
    **{
        operation: _service_credential(operation)
        for operation in (
            "CreateServiceSpecificCredential",
            "DeleteServiceSpecificCredential",
            "ResetServiceSpecificCredential",
            "UpdateServiceSpecificCredential",
        )
    },
    "ListServiceSpecificCredentials": _list_service_credentials,
    "CreateUser": _creating("CreateUser", "user", "UserName", "iam:TagUser"),
    "CreateGroup": _creating("CreateGroup", "group", "GroupName", ""),
    "CreateRole": _creating("CreateRole", "role", "RoleName", "iam:TagRole"),
    "CreatePolicy": _creating("CreatePolicy", "policy", "PolicyName", "iam:TagPolicy"),
    "CreateInstanceProfile": _creating(
        "CreateInstanceProfile",
        "instance-profile",
        "InstanceProfileName",
        "iam:TagInstanceProfile",
    ),
    "UpdateUser": _moving("UpdateUser", "user"),
    "UpdateGroup": _moving("UpdateGroup", "group"),
    "CreateServiceLinkedRole": _create_service_linked_role,
    "GetServiceLinkedRoleDeletionStatus": _get_deletion_status,
    "AddRoleToInstanceProfile": _add_role_to_instance_profile,
    "GetAccessKeyLastUsed": _get_access_key_last_used,
}
