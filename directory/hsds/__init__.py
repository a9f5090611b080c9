"""The directory as HSDS 3.1 with the Dominica profile: objects, filters, the profile's merge patches, OpenAPI."""
