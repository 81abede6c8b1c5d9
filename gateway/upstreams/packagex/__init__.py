"""PackageX: people, groups and file imports over REST."""
