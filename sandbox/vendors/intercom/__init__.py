"""An imitation of Intercom's API, version 2.16, in what a bridge uses of it."""
