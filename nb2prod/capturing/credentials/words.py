"""The words that names of credentials are made of, in the languages that notebooks are written in."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """A text without its accents: `şifre` and `sifre` are one word."""
    apart = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split()) | frozenset(plain(text).split())


PASSWORDS = _words(
    """
    password passwd passphrase passcode pwd pw pass secret secrets kennwort passwort contrasena contraseña mdp
    passe motdepasse senha wachtwoord passwords userpass dbpass mypassword clientsecret apisecret appsecret dbpassword
    dbpw userpw rootpw adminpw mypw ftppw sshpw mailpw smtppw
    secretkey pin_code pswd psw passw psswd passwrd pasword passwort losungswort geheim geheimnis geheimwort contrasenya
    clave secreto segredo segreto parola hasło haslo heslo lösenord losenord adgangskode adgangskoden passord salasana
    jelszo jelszó şifre sifre parol пароль секрет lozinka slaptazodis parool lösen kodeord paswoord wagwoord contrasinal
    pasahitza zaporka geslo slaptažodis fjalekalim lykilorð sandi khẩu khau laluan парола лозинка κωδικός κωδικος
    """
)
# what says that it is secret, and may say it of something else: of a word they hold, only where they come last
MILD = _words(
    """
    secret secrets pass passe clave secreto segredo segreto parola parol geheim geheimnis секрет sandi geslo κωδικός
    κωδικος pw pwd
    """
)
# in scripts that run words together, each for the word that is known
ABROAD = {
    **dict.fromkeys(
        _words("密码 密碼 口令 パスワード 暗証番号 비밀번호 암호 패스워드 पासवर्ड รหัสผ่าน סיסמה סיסמא"), "password"
    ),
    **dict.fromkeys(_words("كلمة_المرور كلمة_السر رمز_عبور كلمةالمرور"), "password"),
    **dict.fromkeys(_words("令牌 トークン 토큰 密钥 密鑰 秘钥 金鑰 秘密鍵 アクセスキー 액세스키"), "token"),
}
# of these, those that mean nothing else
PLAIN = _words(
    """
    password passwd pwd passphrase passcode pw pswd psw passwort kennwort contraseña contrasena senha wachtwoord mdp haslo hasło
    пароль heslo salasana lösenord losenord passord adgangskode jelszo jelszó sifre şifre
    """
)
# and of those, the ones spelt out
FULL = PLAIN - {"pwd", "pw", "pswd", "psw", "mdp"}
TOKENS = _words(
    """
    token tokens apikey apikeys accesskey authkey credential credentials cred creds bearer authorization auth jwt
    sas dsn apitoken authtoken accesstoken refreshtoken sessionid webhook salt privatekey keypass cookie passkey
    signingkey masterkey encryptionkey storagekey subscriptionkey licensekey pepper hmac fernet totp seedphrase mnemonic
    zugangsdaten zugangscode zugriffscode identifiants credenciales credenziali
    """
)
# keys and tokens abroad and short, and what asks for them; everyday words as well: what they hold must look like a key
KEYS = _words(
    """
    tok sek cle clé clef schluessel schlüssel apischluessel chave chiave sleutel klucz jeton nyckel avain anahtar
    ключ токен llave key keys apk sk akey skey secr credenciales identifiants zugang otp session sid appid
    license licence lizenz licencia licença licenza licentie
    client api login connection connect sdk bot authenticator signer configure
    """
)
BEFORE_KEY = _words(
    """
    api access auth private priv secret account storage encryption signing subscription service client master app
    application consumer session shared ssh license licence decryption hmac database db admin root server write read
    deploy gateway function host ingest webhook fernet aes crypto cipher jwt token security
    """
)
GLUED = (
    *("password", "passwd", "passwort", "passphrase", "secret", "pwd", "apikey", "accesskey", "secretkey", "token"),
    *("pass", "kennwort", "wachtwoord", "contrasena", "contraseña", "senha", "motdepasse", "lösenord", "creds"),
)
# what makes another word of such an end: `compass`, `lowpass`
OTHERWISE = _words("by com tres encom over under sur low high band all one two single multi for back")
# what is given with a code of these
BEFORE_CODE = _words("access auth security authorization authorisation activation entry")
# a key of these is a name, not a credential
NO_KEY = _words(
    """
    primary foreign sort cache partition hash join group lookup s3 object bucket merge map dict idempotency row
    column col feature public pub index unique surrogate natural sorting etag md5 sha checksum digest fingerprint recv
    """
)
# a name that ends so speaks of a credential and holds none
ABOUT = _words(
    """
    pattern type types count counts col cols column columns length len limit size index name names field fields file
    path url uri endpoint expires expiry expiration regex hint policy strength age reset changed min max num feature
    features header label labels help prompt message msg text title description placeholder error scope version
    model arn store manager provider var env variable ref format mode method algorithm alg level required valid
    class kind idx pos position filter frequency freq dir folder location group list hash digest score prob
    embedding embeddings vocab split input output service user username host date time at on by table schema
    key_name question hasher hashing mechanism engine authenticator encoder validator generator
    plugin scheme grant issuer audience rule rules requirement requirements criteria explanation info note tip tips
    instruction instructions warning doc docs advice guide example examples
    """
)
SPECIAL = _words(
    """
    pad eos bos sep cls mask unk special n num max min stop start end first last next prev new sub word total avg
    mean image no is has use tik page continuation cursor idempotency idempotent request lock deduplication
    """
)
# what goes through something, and how often: `first_pass`, `n_pass`
PASSES = _words(
    """
    high low band all one two three single double multi n num k max min total avg mean first second third fourth last final
    next prev previous start end each every per forward backward reverse inverse training train warmup dry cleaning
    boarding seat season seasonal mountain alpine ski lift bus rail railway transit metro ferry toll travel tourist
    city museum park festival concert backstage hall press weekend day daily weekly monthly annual yearly
    completed incomplete lateral screen touchdown qb cross through
    """
)
# of these a `sid` lets in, of all else it is the number: `account_sid`
SESSIONS = _words("session sess connect cookie auth login sap jsession php")
# of such values words like these may be made; of a credential's not
SPEAKING = _words(
    """
    password passwd pwd pass secret secrets token tokens key keys api auth access client user username my your the
    db database name id field column hash aws azure gcp github databricks app prod dev test value env var confirm
    confirmation new old current reset login account service storage scope vault credential credentials is has of
    for age count length strength changed updated expired required type enter please a an missing not set
    """
)
# what is called so is random by right
IDENTITY = _words(
    """
    id ids file sheet doc folder hash sha sha1 sha256 digest checksum etag uuid guid commit ref revision run experiment
    integrity fingerprint md5 version model video image png seed instance package job estimator deployment cluster sku
    project tenant dataset repo repository branch channel artifact trace span device tx txid txn transaction
    block contract
    """
)
# what holds encoded data, or makes data of it
DATA = _words("data weights coefficients buffer frombuffer blob decode bytes array tensor pixels thumbnail icon logo")
# words of sentences about passwords
TALK = _words(
    """
    character characters char chars digit digits letter letters number numbers uppercase lowercase capital symbol symbols
    must should least minimum maximum contain contains enter please your you forgot reset expired invalid incorrect wrong
    required cannot never always long short weak strong with from into this that the are was were have has been
    zeichen mindestens muss bitte ihr caractères caracteres mínimo minimo doit deve debe votre sua
    """
)
# what asks the reader of a manual for a credential, or says that it was taken out
FILLING = _words(
    """
    your yours dein deine deinen ihr ihre votre ton tes tuo vostro jouw seu sua insert replace replaceme placeholder paste
    changeme fillme fill enter put goes here todo tbd redacted hidden masked removed censored omitted withheld dummy fake
    example sample xxx xxxx xxxxx einfügen einfuegen hier eintragen remplacer ici aquí aqui
    """
)
# ways to be let in and to encipher
METHODS = _words(
    """
    wpa wpa2 wep psk eap peap tls tlsv ssl sslv sasl scram sha md hmac aes des rc rsa dsa ecdsa ed ecdh ecc gcm cbc ctr ccm
    chacha poly oauth oidc saml ntlm ntlmv kerberos gssapi ldap ldaps mtls pbkdf bcrypt scrypt argon argon2id id rs hs es ps
    eddsa dir kw enterprise personal digest basic bearer totp hotp webauthn fido otp sms x pkcs oaep jwt jws
    chap pap mschap mschapv radius pkce
    """
)
SETTING = _words("set use with add put store save change update configure")
# services that give out keys: a name of theirs that holds what looks like a key holds a key
SERVICES = _words(
    """
    openai anthropic claude cohere mistral groq together fireworks replicate huggingface hf gemini perplexity deepseek xai
    openrouter cerebras sambanova nvidia ngc voyage jina stability elevenlabs deepgram assemblyai clarifai deepl
    pinecone weaviate qdrant milvus zilliz chroma vespa redis upstash supabase neon planetscale turso mongodb atlas
    langsmith langfuse langchain llamacloud braintrust helicone portkey arize phoenix whylabs fiddler
    wandb comet neptune clearml dagshub polyaxon sigopt determined mlflow kaggle labelbox labelstudio roboflow scaleai
    prodigy v7 superannotate snorkel databricks snowflake dbt fivetran airbyte hightouch census segment mixpanel amplitude
    posthog heap looker metabase tableau powerbi superset mode hex sigma airtable notion coda jira confluence atlassian
    asana trello monday clickup linear github gitlab bitbucket circleci travis jenkins buildkite codecov sonar snyk
    pypi npm nuget rubygems docker dockerhub quay artifactory jfrog nexus terraform pulumi vault doppler infisical
    aws azure gcp digitalocean linode vultr hetzner scaleway ovh heroku netlify vercel render railway flyio cloudflare fastly
    datadog newrelic sentry grafana honeycomb splunk sumologic loggly logzio papertrail rollbar bugsnag dynatrace pagerduty
    opsgenie statuspage uptimerobot twilio vonage nexmo messagebird plivo sinch sendgrid mailgun mailjet mailchimp mandrill
    postmark sparkpost brevo sendinblue resend klaviyo pushover pushbullet onesignal ntfy slack discord telegram teams
    mattermost zulip webex zoom intercom zendesk freshdesk hubspot salesforce pipedrive stripe paypal braintree adyen
    square shopify plaid wise revolut alpaca polygon finnhub quandl nasdaq fred alphavantage iex iexcloud tiingo
    twelvedata fmp eodhd marketstack intrinio barchart simfin tradier oanda binance coinbase kraken kucoin bybit bitfinex
    bitmex bittrex coingecko coinmarketcap coinapi cryptocompare messari glassnode etherscan infura alchemy moralis
    openweather openweathermap owm weatherapi weatherbit weatherstack visualcrossing tomorrowio meteostat stormglass
    meteomatics accuweather noaa nrel entsoe electricitymaps copernicus sentinelhub planet earthdata mapbox maptiler tomtom
    here heremaps opencage geoapify locationiq positionstack graphhopper mapquest googlemaps gmaps foursquare yelp
    ipinfo ipstack ipgeolocation maxmind eia bls newsapi newscatcher gnews guardian nytimes twitter reddit tmdb omdb
    spotify lastfm genius youtube facebook instagram linkedin tiktok rapidapi serpapi serper tavily exa brave firecrawl
    apify scraperapi scrapingbee zenrows brightdata diffbot shodan censys virustotal abuseipdb urlscan hibp hunter
    clearbit zoominfo crunchbase algolia elastic elasticsearch meilisearch typesense contentful sanity storyblok okta auth0
    onelogin duo confluent cloudamqp pusher ably cloudinary imgix unsplash pexels pixabay adafruit particle ubidots
    typeform surveymonkey calendly dropbox box gitter figma miro canva adobe yandex alibaba aliyun tencent baidu
    """
)
