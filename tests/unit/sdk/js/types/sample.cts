// The same package for CommonJS.
import stead = require('@stead/sdk');

export = (event: stead.Event<number[]>, ctx: stead.Context) => event.data.length + ctx.attempt;
