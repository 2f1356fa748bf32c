"""Requests to SES: signed as Amazon's own library signs them, and taken by another SES than ours."""

from datetime import UTC, datetime

import boto3
import botocore.auth
import orjson
import pytest
import time_machine
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from moto.server import ThreadedMotoServer

from tasks.providers.account import parse_account
from tasks.providers.aws_signing import AwsKey, signed_headers
from tasks.providers.base import OutcomeKind
from tasks.providers.registrar import DomainToRegister, registrar_of
from tasks.providers.vendors import ses
from tests.support.http_api import address, provider_at

AT = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:exosend"
URL = "https://exosend.example/webhooks/ses/default"
MAIL = {
    "timestamp": "2017-08-05T00:40:02.012Z",
    "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
    "destination": ["recipient@example.com"],
    "tags": {"ses:configuration-set": ["ConfigSet"], "exosend-id": ["01932f2b-0000-7000-8000-000000000001"]},
}


@pytest.mark.parametrize("body", [b"{}", '{"a": "\u0105"}'.encode(), b"x" * 100_000])
@pytest.mark.parametrize("host", ["email.eu-west-1.amazonaws.com", "127.0.0.1:5000"])
def test_a_request_is_signed_as_amazons_own_library_signs_it(body, host):
    headers = {"Content-Type": "application/json", "Host": host}
    target = "/v2/email/outbound-emails"
    request = AWSRequest("POST", f"https://{host}{target}", headers=headers, data=body)
    with time_machine.travel(AT, tick=False):
        botocore.auth.SigV4Auth(Credentials("AKID", "secret/+"), "ses", "eu-west-1").add_auth(request)
    ours = signed_headers(AwsKey("AKID", "secret/+", "eu-west-1", "ses"), host, target, body, AT)
    assert dict(ours)["Authorization"] == request.headers["Authorization"]
    assert "secret" not in repr(AwsKey("AKID", "secret/+", "eu-west-1", "ses"))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_every_method_is_signed_so(method):
    host, target = "email.eu-west-1.amazonaws.com", "/v2/email/identities/acme.com"
    request = AWSRequest(
        method, f"https://{host}{target}", headers={"Content-Type": "application/json", "Host": host}, data=b""
    )
    with time_machine.travel(AT, tick=False):
        botocore.auth.SigV4Auth(Credentials("AKID", "secret/+"), "ses", "eu-west-1").add_auth(request)
    ours = signed_headers(AwsKey("AKID", "secret/+", "eu-west-1", "ses"), host, target, b"", AT, method=method)
    assert dict(ours)["Authorization"] == request.headers["Authorization"]


def test_another_ses_has_the_domains_that_are_registered():
    """Moto's, whose identities are verified at once."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        registrar = registrar_of("ses", address("ses", server.get_host_and_port()[1]))
        key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # quick to make
        plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        domain = DomainToRegister("news.acme.com", "acme.com", "eu", "exosend", plain)
        assert registrar.find(domain) is None
        assert registrar.add(domain).records == ()
        found = registrar.find(domain)
        assert found is not None
        registrar.remove(domain)
        assert registrar.find(domain) is None
    finally:
        server.stop()


def test_another_ses_takes_what_is_sent(run_in, make_messages):
    """Moto's, which asks whether the address in the From header is verified."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    owner = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "x"}
    client = boto3.client("ses", "us-east-1", endpoint_url=f"http://{host}:{port}", **owner)

    async def main():
        provider = provider_at("ses", address("ses", port))
        try:
            refused = await provider.send(make_messages(1))
            client.verify_email_identity(EmailAddress="a@example.com")
            return [*refused, *await provider.send(make_messages(3))]
        finally:
            await provider.close()

    try:
        outcomes = run_in(main())
    finally:
        client.close()
        server.stop()
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.REJECTED, *[OutcomeKind.ACCEPTED] * 3]
    assert outcomes[0].code == "MessageRejected"
    assert "did not have authority to send" in str(outcomes[0].detail).lower()
    assert len({outcome.provider_ref for outcome in outcomes[1:]}) == 3


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("ses://AKID:s@email.eu-west-1.amazonaws.com", "eu-west-1"),
        ("ses://AKID:s@email-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("ses://AKID:s@email.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("ses://AKID:s@email.eu-north-1.api.aws", "eu-north-1"),
    ],
)
def test_the_host_names_the_region_and_the_path_the_configuration_set(url, region, make_messages):
    vendor = ses.Ses(parse_account("EXOSEND_EMAIL_URL", f"{url}/marketing"))
    [call] = vendor.calls(make_messages(1))
    assert f"/{region}/ses/aws4_request" in dict(call.request.headers)["Authorization"]
    assert orjson.loads(call.request.body)["ConfigurationSetName"] == "marketing"
