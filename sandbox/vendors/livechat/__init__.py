"""An imitation of LiveChat (Text): accounts server and the APIs of version 3.6."""
