// An OpenID provider for tests of sign-in, of the certified package oidc-provider. Its settings are one JSON object in
// the environment variable PROVIDER: issuer, port, jwks, seconds (of tokens), redirect, and for HTTPS cert and key.
// Anybody signs in with any password. `PUT /accounts/NAME` with {"groups": [...]}, or null to lock the account, says what
// is known of somebody; `PUT /keys` with a key set replaces the keys, `PUT /certificate` the certificate and its key.
import http from 'node:http'
import https from 'node:https'
import Provider from 'oidc-provider'
import { createMemoryAdapter } from './node_modules/oidc-provider/lib/adapters/memory_adapter.js'

const settings = JSON.parse(process.env.PROVIDER)
const audience = 'crime-api'
const groups = new Map()
const locked = new Set()
const adapter = createMemoryAdapter() // sessions and tokens outlive new keys
let provider = start(settings.jwks)

function start(jwks) {
  const made = new Provider(settings.issuer, {
    jwks,
    adapter,
    clients: [
      {
        client_id: 'crime-page',
        client_secret: 'page-secret',
        redirect_uris: [settings.redirect],
        post_logout_redirect_uris: [settings.redirect],
        token_endpoint_auth_method: 'client_secret_basic',
      },
      {
        client_id: 'nightly-job',
        client_secret: 'job-secret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    claims: { openid: ['sub'], email: ['email'], profile: ['name', 'groups'] },
    conformIdTokenClaims: false,
    extraTokenClaims: (ctx, token) => ({ groups: groups.get(token.clientId) ?? [] }),
    cookies: { keys: ['for tests'] },
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx) => (ctx.oidc.params?.grant_type === 'client_credentials' ? audience : undefined),
        getResourceServerInfo: () => ({ scope: 'analysts', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600 }),
      },
    },
    pkce: { required: () => false },
    ttl: { IdToken: settings.seconds, AccessToken: settings.seconds, Session: 3600, Grant: 3600, Interaction: 600 },
    async findAccount(ctx, id) {
      if (locked.has(id)) return undefined
      return {
        accountId: id,
        claims: async () => ({ sub: id, email: `${id}@example.org`, name: id, groups: groups.get(id) ?? [] }),
      }
    },
    // consent is given at once
    async loadExistingGrant(ctx) {
      const { client, session, params } = ctx.oidc
      const grant = new made.Grant({ clientId: client.clientId, accountId: session.accountId })
      grant.addOIDCScope(params.scope)
      await grant.save()
      return grant
    },
  })
  made.proxy = true
  return made
}

async function body(request) {
  let text = ''
  for await (const piece of request) text += piece
  return JSON.parse(text)
}

const server = settings.cert ? https.createServer({ cert: settings.cert, key: settings.key }) : http.createServer()
server
  .on('request', async (request, response) => {
    if (request.method !== 'PUT') return provider.callback()(request, response)
    const [, kind, name] = request.url.split('/')
    const wanted = await body(request)
    if (kind === 'keys') provider = start(wanted)
    else if (kind === 'certificate') server.setSecureContext(wanted)
    else if (wanted === null) locked.add(name)
    else {
      locked.delete(name)
      groups.set(name, wanted.groups)
    }
    response.writeHead(204).end()
  })
  .listen(settings.port, '0.0.0.0')
