"""An imitation of HubSpot's APIs for custom channels, conversations, files and OAuth."""
