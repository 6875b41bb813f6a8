import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'

const COMMAND = resolve('dist/src/cli/main.js')
const CONFIG = {
  server: { tls: { cert: '${CERT}', key: '${KEY}' }, http2: true }, // eslint-disable-line no-template-curly-in-string -- as in the file
  cors: { origin: 'https://app.example.com' },
  rateLimit: { max: 100 },
  routes: [
    { prefix: '/api', target: 'https://svc.example:3001/base', stripPrefix: true, methods: ['GET'], headers: { request: { set: { 'x-id': '7' } } }, http2: true },
    { prefix: '/old', redirect: { to: '/new' } },
    { prefix: '/chat', target: 'unix:/run/chat.sock', hosts: ['chat.example.com'], rateLimit: false, cors: false },
    { prefix: '/v6', target: 'http://[::1]:80', host: 'preserve' },
    { prefix: '/many', upstream: 'many' }
  ],
  upstreams: { many: { targets: ['http://10.0.0.1:3002/base', 'http://10.0.0.2:3002/base'], connectTimeout: '1s' } }
}

t.test('explain', async t => {
  const folder = t.testdir()
  const env = { ...process.env, ROUTES_FILE: undefined, CERT: resolve('test/fixtures/tls/localhost.pem'), KEY: resolve('test/fixtures/tls/localhost.key') }
  writeFileSync(join(folder, 'routes.json'), JSON.stringify(CONFIG))
  writeFileSync(join(folder, 'wrong.json'), '{}')
  const run = (...args: string[]): { status: number | null, stdout: string, stderr: string } =>
    spawnSync(process.execPath, [COMMAND, 'explain', ...args], { cwd: folder, encoding: 'utf8', env })

  const forwarded = run('get', '/api/x?y=%41', '-H', 'Origin: https://app.example.com', '-H', 'X-Real-IP: 6.6.6.6')
  t.equal(forwarded.status, 0)
  t.match(forwarded.stdout, /^GET \/api\/x\?y=%41 of localhost\n\ntakes routes\[0\], \/api for GET\npasses {2}cors, rateLimit \(100 in 60 s\)\n\nand goes to https:\/\/svc\.example:3001 as\n {4}GET \/base\/x\?y=%41\n {4}Host: svc\.example:3001\n/)
  t.match(forwarded.stdout, /\n {4}x-id: 7\n[^]*\n {4}X-Real-IP: 127\.0\.0\.1\n[^]*\nIts response gets\n {4}access-control-allow-origin: https:\/\/app\.example\.com\n/)
  t.notMatch(forwarded.stdout, '6.6.6.6')

  t.match(run('POST', 'http://x/api/x'), { status: 1, stdout: /^POST \/api\/x of x\n\nis not forwarded\. The gateway responds itself: 405\n[^]*allow: GET, HEAD\n[^]*METHOD_NOT_ALLOWED/ })
  t.match(run('GET', '/old'), { status: 1, stdout: /responds itself: 302\n[^]*location: \/new\n$/ })
  t.match(run('GET', '/chat'), { status: 1, stdout: /responds itself: 404\n/ })
  const upgrade = run('GET', 'https://CHAT.example.com:443/chat', '-H', 'Connection: Upgrade', '-H', 'Upgrade: websocket')
  t.match(upgrade, { status: 0, stdout: /takes routes\[2\], \/chat of chat\.example\.com\npasses {2}no policy\n\nand goes to unix:\/run\/chat\.sock as\n {4}GET \/chat\n {4}Host: localhost\n {4}Connection: Upgrade\n/ })
  t.match(run('GET', '/v6', '-H', 'Host: own.example.com'), { status: 0, stdout: /goes to http:\/\/\[::1\] as\n {4}GET \/v6\n {4}Host: own\.example\.com\n/ })
  t.match(run('GET', '/many/x'), { status: 0, stdout: /goes to the upstream many \(http:\/\/10\.0\.0\.1:3002, http:\/\/10\.0\.0\.2:3002\) as\n {4}GET \/base\/many\/x\n {4}Host: 10\.0\.0\.1:3002\n/ })
  t.match(run('GET', 'http://x?a=b', '--file', 'routes.json'), { status: 1, stdout: /^GET \/\?a=b of x\n/ })

  t.match(run('GET', '/x', '-f', 'wrong.json'), { status: 1, stderr: /^wrong\.json: 1 mistake/ })
  for (const args of [['GET'], ['GET', '/x', '/y'], ['GET', 'x'], ['GET', '/x', '-H', 'nothing']]) t.match(run(...args), { status: 2, stderr: /Run "fastify-stream-gateway --help"/ })

  const curl = run('-f', 'routes.json', 'curl', 'https://x/api/x', '-H', 'X-Real-IP: 6.6.6.6', '--compressed', '-b', 'a=b', '--data', '@file', '-G')
  t.equal(curl.status, 0)
  t.match(curl.stdout, /^GET \/api\/x of x\n\(The file file is not read\)\n\ntakes routes\[0\], \/api for GET\n/)
  t.match(curl.stdout, /\n {4}User-Agent: curl\n[^]*\n {4}Cookie: \*\*\*\n/)
  t.match(run('curl', '/old'), { status: 1, stdout: /responds itself: 302\nbecause routes\[1\] has redirect in place of a service\n/ })
  t.match(run('curl', '/x', '--nonsense'), { status: 2, stderr: /^fastify-stream-gateway: found the option "--nonsense" of curl, which is not known here\n/ })
  for (const args of [['GET', 'curl', '/x'], ['-H', 'a: b', 'curl', '/x']]) t.match(run(...args), { status: 2, stderr: /explain takes a method and a url, or a line for curl/ })
})
