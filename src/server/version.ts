import { createRequire } from 'node:module'

/** Of this package, wherever in it the code stands. */
export function version (): string {
  const manifest: { version: string } = createRequire(import.meta.url)('fastify-stream-gateway/package.json')
  return manifest.version
}
