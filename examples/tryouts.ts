/** Something to try: commands for a shell, and what they print. */
export interface TryOut {
  title: string
  commands: string[]
  /** What they print; `…` stands for any text. */
  prints: string[]
}

const NAMES = ['auth', 'payments', 'admin', 'profile']
const SIZE = 64 * 1024 * 1024

/** @param gateway where it listens, such as `http://localhost:3000` */
export function tryOuts (gateway: string): TryOut[] {
  const api = `${gateway}/api`
  const checksum = process.platform === 'darwin' ? 'shasum -a 256' : 'sha256sum'
  return [
    {
      title: 'The four services are there',
      commands: NAMES.map(name => `curl ${api}/${name}/health`),
      prints: NAMES.map(name => `{"service":"${name}","status":"ok"}`)
    },
    {
      title: 'A body arrives: log in',
      commands: ['{"username":"ada"}', '{"email":"test@example.com","password":"password"}'].map(body =>
        `curl ${api}/auth/login -H 'content-type: application/json' -d '${body}'`),
      prints: ['{"service":"auth","username":"ada","token":"sample.…"}', '{"service":"auth","username":"test@example.com","token":"sample.…"}']
    },
    {
      title: 'Any body arrives as it was sent, broken JSON too',
      commands: [`curl ${api}/payments/echo -H 'content-type: application/json' -d '{"half":'`],
      prints: ['{"half":']
    },
    {
      title: 'What reaches the service: path, fields, body',
      commands: [`curl -X PUT '${api}/admin/inspect?a=%2F' -d 'x'`],
      prints: ['{"service":"admin","method":"PUT","url":"/admin/inspect?a=%2F","rawHeaders":[…"X-Forwarded-For",…],"bytes":1,…}']
    },
    {
      title: 'A slow response is waited for, up to the timeout of the route',
      commands: [`curl '${api}/admin/slow?ms=2000'`],
      prints: ['{"service":"admin","waited":2000}']
    },
    {
      title: 'Events come one by one',
      commands: [`curl -N '${api}/profile/events?count=5&every=500'`],
      prints: ['…', 'id: 5', 'event: tick', 'data: {"service":"profile","tick":5}']
    },
    {
      title: 'A download of 64 MiB',
      commands: [`curl -sS -o /dev/null -w '%{size_download} bytes\\n' '${api}/profile/download?size=64mb'`],
      prints: [`${SIZE} bytes`]
    },
    {
      title: 'An upload of 64 MiB: both checksums are the same',
      commands: [
        `head -c ${SIZE} /dev/urandom > /tmp/64mb.bin`,
        `${checksum} /tmp/64mb.bin`,
        `curl -sS -X POST -T /tmp/64mb.bin ${api}/profile/upload`,
        'rm /tmp/64mb.bin'
      ],
      prints: ['…  /tmp/64mb.bin', `{"bytes":${SIZE},"sha256":"…"}`]
    },
    {
      title: 'A service that breaks the connection',
      commands: [`curl -w '\\n' ${api}/auth/hangup`],
      prints: [
        '{"success":false,"error":{"code":"BAD_GATEWAY","message":"Upstream service closed the connection before it responded"},"requestId":"…"}'
      ]
    },
    {
      title: 'A browser asks first (preflight): the gateway responds, no service is asked',
      commands: [`curl -i -X OPTIONS ${api}/payments/invoices -H 'origin: http://localhost:5173' -H 'access-control-request-method: PUT'`],
      prints: ['HTTP/1.1 204 No Content', '…', 'access-control-allow-origin: http://localhost:5173', '…']
    }
  ]
}

/** Each command on a line of its own, to be copied as it is. */
export function describe (tryOuts: TryOut[]): string {
  return tryOuts.map(({ title, commands, prints }) => [
    `  ${title}`,
    ...commands.map(command => `    ${command}`),
    ...prints.map(line => `      → ${line}`)
  ].join('\n')).join('\n\n')
}
