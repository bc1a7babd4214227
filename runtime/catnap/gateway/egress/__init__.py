"""The only way out of a skill's pod: a proxy that takes CONNECT and nothing else.

A tunnel is opened for a Grant whose call is at work, to a host that the
skill's `[egress] allow` names, at an address that was checked, and ends with
that call. What goes through it is not looked at: with TLS it cannot be.
"""

from catnap.gateway.egress.limits import Limits
from catnap.gateway.egress.proxy import Proxy
from catnap.gateway.egress.records import Records

__all__ = ["Limits", "Proxy", "Records"]
