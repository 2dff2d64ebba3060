module example.com/image-info

go 1.22

require stead.dev/sdk v0.1.0

replace stead.dev/sdk => ../../sdk/go
