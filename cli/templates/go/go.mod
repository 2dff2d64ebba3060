module example.com/{{name}}

go 1.22

require stead.dev/sdk v0.0.0

// Where the SDK is on this machine, for tests and editors; a deploy puts its own there.
replace stead.dev/sdk => "{{sdk}}"
