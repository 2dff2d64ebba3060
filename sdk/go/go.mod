module stead.dev/sdk

go 1.22
