"""What two aligned images differ in: binary maps, differences, views, and all of them at once."""
