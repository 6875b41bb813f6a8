import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import Provider from 'oidc-provider'
import t from 'tap'
import type { Test } from 'tap'
import { guarded, issuer } from '../fixtures/auth.js'
import { call } from '../fixtures/gateway.js'
import type { Response } from '../fixtures/gateway.js'
import { closedPort } from '../fixtures/peers.js'

const CALLBACK = 'http://127.0.0.1:4/callback'
const RESOURCE = 'urn:payments'

/** A real OpenID provider, on a port of its own. Its access tokens are JWTs. */
async function provider (t: Test): Promise<{ url: string, server: Server }> {
  const key = issuer('provider', 'RS256')
  const url = `http://127.0.0.1:${await closedPort()}`
  const { warn, info } = console
  // It has a word to say about every default that is not for production.
  Object.assign(console, { warn () {}, info () {} })
  const provider = new Provider(url, {
    clients: [{ client_id: 'app', client_secret: 'app-secret', redirect_uris: [CALLBACK], grant_types: ['authorization_code'], response_types: ['code'] }],
    jwks: { keys: [{ ...key.privateKey.export({ format: 'jwk' }), kid: key.kid, use: 'sig', alg: key.alg }] },
    cookies: { keys: ['a key for cookies'] },
    features: {
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: 'payments:read payments:write', audience: 'payments', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } })
      }
    }
  })
  Object.assign(console, { warn, info })
  const server = createServer(provider.callback())
  server.listen(Number(new URL(url).port), '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url, server }
}

/** Keeps cookies, as a browser does, and follows redirects where it is told to. */
class Browser {
  readonly #cookies = new Map<string, string>()

  async open (address: string, form?: Record<string, string>): Promise<Response> {
    const { port, pathname, search } = new URL(address)
    const body = form && String(new URLSearchParams(form))
    const response = await call(Number(port), pathname + search, {
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '), ...(form && { 'content-type': 'application/x-www-form-urlencoded' }) },
      ...(body !== undefined && { method: 'POST', body })
    })
    for (const cookie of response.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (value === '') this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    return response
  }

  /** @returns where it came to: the address of a page, or of the app */
  async follow (address: string, form?: Record<string, string>): Promise<{ address: string, page: string }> {
    const response = await this.open(address, form)
    const { location } = response.headers
    if (location === undefined) return { address, page: String(response.body) }
    const next = new URL(location, address).href
    return next.startsWith(CALLBACK) ? { address: next, page: '' } : await this.follow(next)
  }
}

interface Tokens { readonly access_token: string, readonly id_token: string }

/** Logs somebody in by the code flow with PKCE. */
async function logIn (url: string, scope: string): Promise<Tokens> {
  const browser = new Browser()
  const verifier = randomBytes(32).toString('base64url')
  const asked = new URLSearchParams({
    client_id: 'app', response_type: 'code', redirect_uri: CALLBACK, scope, resource: RESOURCE, code_challenge_method: 'S256', code_challenge: createHash('sha256').update(verifier).digest('base64url')
  })
  let at = await browser.follow(`${url}/auth?${asked}`)
  while (!at.address.startsWith(CALLBACK)) {
    const [, prompt = ''] = /name="prompt" value="(\w+)"/.exec(at.page) ?? []
    at = await browser.follow(at.address, { prompt, login: 'ann', password: 'any' })
  }
  const code = new URL(at.address).searchParams.get('code') ?? ''
  const response = await call(Number(new URL(url).port), '/token', {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from('app:app-secret').toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: String(new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier, resource: RESOURCE }))
  })
  return JSON.parse(String(response.body))
}

t.test('an OpenID provider, end to end: log in, and call with the token', async t => {
  const { url, server } = await provider(t)
  const jwt = { jwksUrl: `${url}/jwks`, issuer: url, audience: 'payments', forward: { 'x-user': 'sub', 'x-scope': 'scope' }, require: { scope: ['payments:read'], claims: ['exp'] } }
  const { port, asked } = await guarded(t, { jwt })
  const tokens = await logIn(url, 'openid payments:read')
  const headers = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}`, 'x-user': 'root' })
  t.equal((await call(port, '/api/x', { headers: headers(tokens.access_token) })).status, 200)
  t.match(asked[0]?.headers, { 'x-user': 'ann', 'x-scope': 'payments:read' })

  t.equal((await call(port, '/api/x')).status, 401)
  t.equal((await call(port, '/api/x', { headers: headers(tokens.id_token) })).status, 401, 'an ID token is for the app, not for the service')
  const other = await logIn(url, 'openid payments:write')
  t.equal((await call(port, '/api/x', { headers: headers(other.access_token) })).status, 403)

  const { port: byCookie } = await guarded(t, { jwt: { jwksUrl: `${url}/jwks`, issuer: url, audience: 'app', from: 'cookie:session' } })
  t.equal((await call(byCookie, '/api/x', { headers: { cookie: `session=${tokens.id_token}` } })).status, 200)

  server.closeAllConnections()
  server.close()
  await once(server, 'close')
  t.equal((await call(port, '/api/x', { headers: headers(tokens.access_token) })).status, 200, 'while the provider is away')
  t.equal((await call(port, '/api/x', { headers: headers(other.access_token) })).status, 403)
  t.equal(asked.length, 2)
})
