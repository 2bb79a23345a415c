// The package `typescript` 7 has no functions for JavaScript any more, and openapi-typescript needs those of version 5 or
// 6. @ts-morph/common has them; vitest.config.ts gives openapi-typescript this file in place of `typescript`.
export { ts as default } from '@ts-morph/common';
