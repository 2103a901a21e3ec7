"""An imitation of Zoho SalesIQ: its accounts server, visitor API, API version 2 and webhooks.

Where Zoho's documents are silent a setting decides, so that a client can be tried with either
reading; the defaults are in `vendor.py`.
"""
