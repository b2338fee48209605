"""The kinds of credentials that tell themselves by their form, by field: for each what it is, what must stand in it, its form.

One of the marks (in small letters, apart by spaces) stands in every text of that form: where none does, the form is not tried.
"""

from __future__ import annotations

_S, _E = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_MIXED = r"(?=[A-Za-z_-]*\d)"
_HEX = "[a-fA-F0-9]"
_UUID = rf"{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"
_TYPED = r"""(?!\$|\{|<|%|\*|[.~/-])['"]?(?=[^\s'"|/]*\d)(?=[^\s'"|/]*[A-Za-z])[^\s'"|/]{6,}"""  # as given to a command
_OPEN = r"(?!\$|\{|<|%|\*)"  # what a template is filled with begins so
_WORD = rf"""['"]?{_OPEN}(?!-)[^\s'"|]{{5,}}"""  # where nothing but a password is ever given

_CLOUDS = (
    ("an AWS access key", "akia asia abia acca a3t aroa aida", rf"{_S}(AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9]|AROA|AIDA)[A-Z0-9]{{16}}{_E}"),
    ("an Amazon Bedrock key", "absk bedrock", rf"{_S}(ABSK[A-Za-z0-9+/=]{{60,}}|bedrock-api-key-[A-Za-z0-9+/=]{{20,}})"),
    ("a Google API key", "aiza", rf"{_S}AIza[A-Za-z0-9_-]{{30,}}"),
    ("a Google OAuth token", "ya29 gocspx 1//0", rf"{_S}(ya29\.[A-Za-z0-9_-]{{20,}}|GOCSPX-[A-Za-z0-9_-]{{20,}}|1//0[A-Za-z0-9_-]{{30,}})"),
    ("a Google storage key", "goog1e goog4", rf"{_S}GOOG[14]?E?[A-Z0-9]{{20,}}{_E}"),
    ("an Azure storage key", "accountkey", r"(?i)AccountKey=[A-Za-z0-9+/=]{40,}"),
    ("an Azure SAS signature", "sig= sharedaccesssignature", r"(?i:[?&]sig=|SharedAccessSignature=)[A-Za-z0-9%+/=&_.-]{20,}"),
    ("an Azure shared access key", "sharedaccesskey", r"SharedAccessKey=[A-Za-z0-9+/=]{30,}"),
    ("an Azure client secret", "q~", rf"{_S}[A-Za-z0-9_~.-]{{3}}\dQ~[A-Za-z0-9_~.-]{{31,34}}"),
    ("an Azure key", "azcs azse azfu apim acrj", rf"{_S}[A-Za-z0-9+/]{{30,80}}(AzSe|AzFu|APIM|\+?ACR|\+?AMC|\+?ASt|\+?AIoT|\+?ABa|\+?ARm|AzCs)[A-Za-z0-9+/]{{4,10}}={{0,2}}"),
    ("an Azure OpenAI key", "jqqj", rf"{_S}[A-Za-z0-9]{{52}}JQQJ99[A-Za-z0-9]{{20,30}}{_E}"),
    ("an Azure app configuration", "endpoint=https", r"Endpoint=https://[^;\s]+;Id=[^;\s]+;Secret=[A-Za-z0-9+/=]{20,}"),
    ("an Alibaba key", "ltai", rf"{_S}LTAI[A-Za-z0-9]{{12,26}}{_E}"),
    ("a Tencent key", "akid", rf"{_S}AKID[A-Za-z0-9]{{28,32}}{_E}"),
    ("a DigitalOcean token", "_v1_", rf"{_S}do[opr]_v1_[a-f0-9]{{64}}"),
    ("a Scaleway key", "scw", rf"{_S}SCW[A-Z0-9]{{17}}{_E}"),
    ("a Yandex token", "aqvn y0_ t1. yc", rf"{_S}(AQVN[A-Za-z0-9_-]{{35,38}}|y0_[A-Za-z0-9_-]{{50,}}|t1\.[A-Za-z0-9_-]+={{0,2}}\.[A-Za-z0-9_-]{{80,}}|YC[A-Za-z0-9_-]{{38}}{_E})"),
    ("a Cloudflare key", "v1.0-", rf"{_S}v1\.0-[a-f0-9]{{24}}-[a-f0-9]{{100,}}"),
    ("a Heroku key", "hrku-", rf"{_S}HRKU-[A-Za-z0-9_-]{{30,}}"),
    ("a Fly token", "fo1_ fm1 fm2", rf"{_S}(fo1_[A-Za-z0-9_-]{{40,}}|fm[12][ra]?_[A-Za-z0-9+/=_-]{{60,}})"),
    ("a Render key", "rnd_", rf"{_S}rnd_[A-Za-z0-9]{{24,}}"),
    ("a Netlify token", "nfp_ nfc_ nfu_", rf"{_S}nf[pcu]_[A-Za-z0-9]{{32,}}"),
    ("a Modal token", "ak- as-", rf"{_S}a[ks]-(?=[A-Za-z]*\d)(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{{22}}{_E}"),
    ("a RunPod key", "rpa_", rf"{_S}rpa_[A-Za-z0-9]{{30,}}"),
    ("an NVIDIA key", "nvapi-", rf"{_S}nvapi-[A-Za-z0-9_-]{{40,}}"),
    ("a Tailscale key", "tskey-", rf"{_S}tskey-[a-z]+-[A-Za-z0-9-]{{20,}}"),
    ("an ngrok token", "ngrok", rf"(?i)ngrok[^\n]{{0,40}}?{_S}[12][A-Za-z0-9]{{26}}_[A-Za-z0-9]{{20,}}"),
)  # fmt: skip

_MODELS = (
    ("an OpenAI or Anthropic key", "sk-", rf"{_S}sk-(proj-|ant-|svcacct-|admin-|or-v1-|lf-)?{_MIXED}[A-Za-z0-9_-]{{20,}}"),
    ("a Hugging Face token", "hf_ api_org_", rf"{_S}(hf|api_org)_[A-Za-z0-9]{{30,}}"),
    ("a Replicate token", "r8_", rf"{_S}r8_[A-Za-z0-9]{{30,}}"),
    ("a Groq key", "gsk_", rf"{_S}gsk_[A-Za-z0-9]{{40,}}"),
    ("an xAI key", "xai-", rf"{_S}xai-[A-Za-z0-9]{{40,}}"),
    ("a Perplexity key", "pplx-", rf"{_S}pplx-[A-Za-z0-9]{{40,}}"),
    ("a Together key", "tgp_v1", rf"{_S}tgp_v1_[A-Za-z0-9_-]{{30,}}"),
    ("a Fireworks key", "fw_", rf"{_S}fw_(?=[A-Za-z]*\d)[A-Za-z0-9]{{20,}}{_E}"),
    ("a Cerebras key", "csk-", rf"{_S}csk-[a-z0-9]{{40,}}"),
    ("a Voyage or MongoDB key", "pa- al-", rf"{_S}(pa|al)-(?=[A-Za-z_-]*\d)(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{{40,}}"),
    ("a Jina key", "jina_", rf"{_S}jina_[A-Za-z0-9_-]{{40,}}"),
    ("a Pinecone key", "pcsk_", rf"{_S}pcsk_[A-Za-z0-9_]{{40,}}"),
    ("a LangSmith or Langfuse key", "lsv2_ ls__ sk-lf- pk-lf-", rf"{_S}(lsv2_(pt|sk)_[a-f0-9]{{32}}_[a-f0-9]{{10}}|ls__[a-f0-9]{{32}}|[sp]k-lf-[a-f0-9-]{{30,}})"),
    ("a LlamaCloud key", "llx-", rf"{_S}llx-[A-Za-z0-9]{{40,}}"),
    ("a Tavily key", "tvly-", rf"{_S}tvly-{_MIXED}[A-Za-z0-9_-]{{20,}}"),
    ("a Firecrawl key", "fc-", rf"{_S}fc-[a-f0-9]{{32}}{_E}"),
    ("a Unify or Braintrust key", "unify", rf"{_S}sk-unify-[A-Za-z0-9]{{20,}}"),
    ("an ElevenLabs or speech key", "sk_", rf"{_S}sk_[a-f0-9]{{48}}{_E}"),
    ("a Datastax token", "astracs:", rf"{_S}AstraCS:[A-Za-z]{{10,}}:[a-f0-9]{{40,}}"),
    ("a Weights & Biases key", "wandb_v1_ local-", rf"{_S}(wandb_v1_[A-Za-z0-9_]{{30,}}|local-[a-f0-9]{{40}}{_E})"),
    ("a Prefect key", "pnu_ pnb_", rf"{_S}pn[ub]_[A-Za-z0-9]{{30,}}"),
    ("a Roboflow key", "rf_", rf"{_S}rf_(?=[A-Za-z]*\d)[A-Za-z0-9]{{18,}}{_E}"),
)  # fmt: skip

_DATA = (
    ("a Databricks token", "dapi dose dkea", rf"{_S}(dapi|dose|dkea)[a-f0-9]{{32}}(-\d+)?{_E}"),
    ("a Snowflake or dbt token", "dbtc_ dbtu_ dbts_ etmsdgaaa", rf"{_S}(dbt[cus]_[A-Za-z0-9_-]{{30,}}|ver:1-hint:\d+-ETMsDgAAA\S{{30,}})"),
    ("a ClickHouse key", "4b1d", rf"{_S}4b1d[A-Za-z0-9]{{38}}{_E}"),
    ("a PlanetScale token", "pscale_", rf"{_S}pscale_(tkn|pw|oauth)_[A-Za-z0-9._=-]{{30,}}"),
    ("a Supabase key", "sbp_ sb_secret_", rf"{_S}(sbp_(v\d_)?[a-f0-9]{{40}}|sb_secret_[A-Za-z0-9_-]{{20,}})"),
    ("a Neon or Turso key", "napi_", rf"{_S}napi_[a-z0-9]{{40,}}"),
    ("an Airtable token", "pat", rf"{_S}pat[A-Za-z0-9]{{14}}\.[a-f0-9]{{64}}"),
    ("a MotherDuck, Aiven or Upstash token", "avns_", rf"{_S}AVNS_[A-Za-z0-9_-]{{16,}}"),
    ("a PostHog key", "phx_ phc_", rf"{_S}ph[xc]_[A-Za-z0-9]{{30,}}"),
    ("a Segment token", "sgp_", rf"{_S}sgp_([A-Za-z0-9]+_)?[A-Za-z0-9]{{40,}}"),
    ("an Algolia or Contentful token", "cfpat-", rf"{_S}CFPAT-[A-Za-z0-9_-]{{40,}}"),
    ("a Mapbox token", "k.ey", rf"{_S}[spt]k\.eyJ[A-Za-z0-9_-]{{20,}}\.[A-Za-z0-9_-]{{15,}}"),
    ("a MaxMind key", "_mmk", rf"{_S}[A-Za-z0-9]{{6}}_[A-Za-z0-9]{{29}}_mmk{_E}"),
    ("a Dropbox token", "sl.", rf"{_S}sl\.(u\.)?(?=[A-Za-z_=-]*\d)[A-Za-z0-9_=-]{{60,}}"),
    ("a Dropbox token", "aaaaaaaaaa", rf"{_S}[A-Za-z0-9]{{11}}A{{10}}[A-Za-z0-9_=-]{{43}}{_E}"),
)  # fmt: skip

_CODE = (
    ("a GitHub token", "gh github_pat_", rf"{_S}(gh[pousr]_[A-Za-z0-9]{{36,}}|github_pat_[A-Za-z0-9_]{{40,}})"),
    ("a GitLab token", "gl gr1348941", rf"{_S}(gl(pat|dt|rt|oas|cbt|ptt|ft|ffct|soat|agent|imt)-[A-Za-z0-9_-]{{20,}}|GR1348941[A-Za-z0-9_-]{{20,}})"),
    ("an Atlassian token", "atatt atctt atbb", rf"{_S}AT(ATT|CTT|BB)[A-Za-z0-9_=-]{{24,}}"),
    ("an npm token", "npm_", rf"{_S}npm_[A-Za-z0-9]{{30,}}"),
    ("a PyPI token", "pypi-age", rf"{_S}pypi-AgE[A-Za-z0-9_-]{{40,}}"),
    ("a RubyGems, crates or Clojars token", "rubygems_ cio clojars_ oy2", rf"{_S}(rubygems_[a-f0-9]{{40,}}|cio[A-Za-z0-9]{{32}}{_E}|CLOJARS_[A-Za-z0-9]{{50,}}|oy2[a-z0-9]{{43}}{_E})"),
    ("a conda token", "/t/", r"https?://[\w.-]*conda[\w.-]*/t/(?=[^/\s]*\d)[A-Za-z0-9_-]{12,}/"),
    ("an Artifactory token", "akcp cmvmd", rf"{_S}(AKCp[A-Za-z0-9]{{40,}}|cmVmd[A-Za-z0-9]{{50,}})"),
    ("a Docker token", "dckr_", rf"{_S}dckr_(pat|oat)_[A-Za-z0-9_-]{{20,}}"),
    ("a Terraform token", "atlasv1", rf"{_S}[A-Za-z0-9]{{14}}\.atlasv1\.[A-Za-z0-9_=-]{{40,}}"),
    ("a Pulumi token", "pul-", rf"{_S}pul-[a-f0-9]{{40}}"),
    ("a Vault token", "hvs. hvb. hvr. s.", rf"{_S}(hv[sbr]\.[A-Za-z0-9_-]{{20,}}|s\.(?=[A-Za-z]*\d)[A-Za-z0-9]{{24}}{_E})"),
    ("a Doppler token", "dp.", rf"{_S}dp\.(pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{{30,}}"),
    ("a 1Password token", "ops_ey a3-", rf"{_S}(ops_ey[A-Za-z0-9+/=_-]{{60,}}|A3-[A-Z0-9]{{6}}-([A-Z0-9]{{11}}|[A-Z0-9]{{6}}-[A-Z0-9]{{5}})(-[A-Z0-9]{{5}}){{3}})"),
    ("a CircleCI token", "ccipat_ cciprj_", rf"{_S}cci(pat|prj)_[A-Za-z0-9_-]{{20,}}"),
    ("a Buildkite token", "bkua_ bkct_", rf"{_S}bk(ua|ct)_[a-f0-9]{{30,}}"),
    ("a SonarQube token", "squ_ sqp_ sqa_", rf"{_S}sq[upa]_[a-f0-9]{{40}}"),
    ("a Harness token", "pat. sat.", rf"{_S}[ps]at\.[A-Za-z0-9_-]{{22}}\.[A-Za-z0-9]{{24}}\.[A-Za-z0-9]{{20}}"),
    ("an OpenShift token", "sha256~", rf"{_S}sha256~[A-Za-z0-9_-]{{43}}"),
    ("an Octopus key", "api-", rf"{_S}API-(?=[A-Z]*\d)[A-Z0-9]{{25,}}{_E}"),
    ("an Infracost key", "ico-", rf"{_S}ico-[A-Za-z0-9]{{32}}{_E}"),
    ("an age key", "age-secret", rf"{_S}AGE-SECRET-KEY-1[A-Z0-9]{{50,}}"),
    ("a Postman key", "pmak-", rf"{_S}PMAK-[a-f0-9]{{24}}-[a-f0-9]{{34}}"),
    ("an Authress or Settlemint key", "acc- acc_ sm_", rf"{_S}((sc|ext|scauth|authress)_[A-Za-z0-9]{{5,30}}\.[A-Za-z0-9]{{4,6}}\.acc[_-][A-Za-z0-9-]{{10,32}}\.[A-Za-z0-9+/_=-]{{30,120}}|sm_(aat|pat|sat)_[A-Za-z0-9]{{16}}{_E})"),
    ("an Adobe or 42 secret", "p8e- s-s4t2", rf"{_S}(p8e-[A-Za-z0-9]{{32}}{_E}|s-s4t2(ud|af)-[a-f0-9]{{64}})"),
    ("a Figma token", "figd_", rf"{_S}figd_[A-Za-z0-9_-]{{30,}}"),
    ("a Linear key", "lin_", rf"{_S}lin_(api|oauth)_[A-Za-z0-9]{{30,}}"),
    ("a Notion token", "ntn_ secret_", rf"{_S}(ntn_[A-Za-z0-9]{{40,}}|secret_[A-Za-z0-9]{{43}}{_E})"),
    ("an Asana or ClickUp token", "pk_ 1/ 2/", rf"{_S}(pk_\d{{6,}}_[A-Z0-9]{{32}}{_E}|[12]/\d{{13,}}(/\d{{13,}})?:[a-f0-9]{{32}})"),
)  # fmt: skip

_WATCHING = (
    ("a New Relic key", "nrak nrjs nrii nraa nrra nral", rf"{_S}NR(AK|JS|II|AA|RA|AL)-[A-Za-z0-9-]{{18,}}|{_S}[a-f0-9]{{36}}NRAL{_E}"),
    ("a Sentry DSN", "sentry sntry", r"https://[a-f0-9]{32}(:[a-f0-9]{32})?@[\w.-]*sentry[\w.-]*/\d+|sntry[su]_[A-Za-z0-9+/=_-]{30,}"),
    ("a Grafana token", "glc_ glsa_ eyjriioi eyjrijoi", rf"{_S}((glc|glsa)_[A-Za-z0-9+/=_]{{30,}}|eyJrIjoi[A-Za-z0-9+/=]{{40,}})"),
    ("a Dynatrace token", "dt0", rf"{_S}dt0[a-z]\d{{2}}\.[A-Za-z0-9]{{24}}\.[A-Za-z0-9]{{64}}"),
    ("a Honeycomb key", "hcaik_ hcbik_ hcamk_ hcxik_", rf"{_S}hc[a-z]{{1,2}}[im]k_[A-Za-z0-9]{{30,}}"),
    ("a Raygun, PagerDuty or Opsgenie key", "pdus+ u+", rf"{_S}(pdus\+_[A-Za-z0-9_+-]{{15,}}|u\+[A-Za-z0-9_+-]{{18}}{_E})"),
    ("an incident.io, Rootly or LaunchDarkly key", "rootly_ api- sdk-", rf"{_S}(rootly_[a-f0-9]{{40,}}|(api|sdk|mob)-{_UUID}{_E})"),
)  # fmt: skip

_MESSAGES = (
    ("a Slack token", "xox xapp", rf"{_S}(xox[abceoprs]([.-][A-Za-z0-9.-]{{10,}})|xapp-\d-[A-Za-z0-9-]{{10,}})"),
    ("a webhook with its key", "hooks discord webhook workflows.", r"https://(hooks\.slack(-gov)?\.com/(services|workflows|triggers)/\S{20,}|(\w+\.)?discord(app)?\.com/api/webhooks/\d+/\S{20,}|[\w.-]+\.webhook\.office\.com/webhookb2/\S{20,}|hooks\.zapier\.com/hooks/catch/\d+/\w+)"),
    ("a webhook with its key", "ifttt googleapis dingtalk feishu /hooks/", r"https://(chat\.googleapis\.com/\S+[?&]token=\S{20,}|[\w.-]+/hooks/[a-z0-9]{26}(?!\w)|(oapi\.dingtalk|open\.feishu)\.\w+/\S{30,}|maker\.ifttt\.com/\S+/key/\S{16,})"),
    ("a SendGrid key", "sg.", rf"{_S}SG\.[A-Za-z0-9_-]{{16,}}\.[A-Za-z0-9_-]{{32,}}"),
    ("a Twilio key", "sk", rf"{_S}SK[a-fA-F0-9]{{32}}{_E}"),
    ("a Mailgun key", "key-", rf"{_S}(pub)?key-[a-f0-9]{{32}}{_E}"),
    ("a Mailgun key", "-", rf"{_S}[a-f0-9]{{32}}-[a-f0-9]{{8}}-[a-f0-9]{{8}}{_E}"),
    ("a Mailchimp or Mandrill key", "-us md-", rf"{_S}([a-f0-9]{{32}}-us\d{{1,2}}|md-[A-Za-z0-9_-]{{22}}){_E}"),
    ("a Brevo key", "xkeysib xsmtpsib", rf"{_S}x(key|smtp)sib-[a-f0-9]{{64}}-[A-Za-z0-9]{{16}}"),
    ("a Resend or Loops key", "re_", rf"{_S}re_(?=[A-Za-z_]*\d)[A-Za-z0-9]{{8}}_[A-Za-z0-9]{{20,}}{_E}"),
    ("a Telegram bot token", ":aa", rf"{_S}(?:bot)?\d{{8,10}}:AA[A-Za-z0-9_-]{{32,}}"),
    ("a Discord bot token", "mt nt od nz nd nj", rf"{_S}[MNO][A-Za-z\d]{{23,28}}\.[A-Za-z0-9_-]{{6}}\.[A-Za-z0-9_-]{{27,40}}{_E}"),
    ("a Pushbullet token", "o.", rf"{_S}o\.(?=[A-Za-z]*\d)[A-Za-z0-9]{{32}}{_E}"),
    ("a MailerSend or Typeform token", "mlsn. tfp_", rf"{_S}(mlsn\.[a-f0-9]{{40,}}|tfp_[A-Za-z0-9_.=-]{{40,}})"),
    ("a HubSpot token", "pat-na pat-eu pat-ap", rf"{_S}pat-(na|eu|ap)\d-[a-f0-9-]{{36}}"),
    ("a Facebook token", "| %", rf"{_S}\d{{15,16}}(\||%7[Cc])(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{{27,40}}{_E}"),
    ("a Facebook token", "eaa", rf"{_S}EAACEdEose0cBA[A-Za-z0-9]+|{_S}EAA[A-Za-z0-9]{{80,}}"),
    ("an Intercom, ReadMe or Frame.io token", "dg9r rdme_ fio-u-", rf"{_S}(dG9rOi[A-Za-z0-9+/=]{{40,}}|rdme_[a-z0-9]{{60,}}|fio-u-[A-Za-z0-9_=-]{{50,}})"),
    ("a LinkedIn or Instagram token", "aqx igqv", rf"{_S}(AQ[VWX][A-Za-z0-9_-]{{60,}}|IGQV[A-Za-z0-9_-]{{60,}})"),
    ("a Twitter bearer token", "aaaaaaaaaaaa", rf"{_S}A{{20,}}[A-Za-z0-9%]{{60,}}"),
)  # fmt: skip

_MONEY = (
    ("a Stripe key", "_live_ _test_ _prod_ whsec_", rf"{_S}([srp]k_(live|test|prod)_[A-Za-z0-9]{{10,}}|whsec_[A-Za-z0-9+/=]{{20,}})"),
    ("a Shopify token", "shp", rf"{_S}shp(at|ca|pa|ss|ua|tka)_[a-fA-F0-9]{{32}}"),
    ("a Square token", "sq0 eaaa", rf"{_S}(sq0(atp|csp|idp)-[A-Za-z0-9_-]{{22,}}|EAAA(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{{40,60}}{_E})"),
    ("a PayPal or Braintree token", "access_token$", r"access_token\$(production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}"),
    ("a Plaid token", "access-", rf"{_S}access-(production|sandbox|development)-{_UUID}"),
    ("a payment key", "live_ test_ flwseck sk_ rzp_ zpka_", rf"{_S}((shippo|duffel|rzp|lob)_(live|test)_[A-Za-z0-9_=-]{{14,}}|FLWSECK(_TEST)?-[A-Za-z0-9]{{12,}}|zpka_[A-Za-z0-9_]{{30,}}|(live|test)_(pub_)?(?=[A-Za-z]*\d[A-Za-z]*\d)[A-Za-z0-9=-]{{32,}}{_E})"),
    ("an EasyPost key", "ezak eztk", rf"{_S}EZ[AT]K[A-Za-z0-9]{{50,}}"),
    ("an Alpaca key", "pk ak", rf"(?i:alpaca)[^\n]{{0,60}}?{_S}[PAC]K[A-Z0-9]{{18,24}}{_E}"),
    ("an API key of RapidAPI", "msh", rf"{_S}[a-f0-9]{{10}}msh[a-f0-9]{{15}}p1[a-f0-9]{{5}}jsn[a-f0-9]{{12}}{_E}|{_S}[A-Za-z0-9]{{8,12}}msh[A-Za-z0-9]{{12,20}}p1[A-Za-z0-9]{{4,8}}jsn[A-Za-z0-9]{{8,16}}{_E}"),
    ("a wallet's key", "xprv", rf"{_S}xprv[A-Za-z0-9]{{100,}}"),
)  # fmt: skip

_COMMON = (
    ("a JSON web token", "eyj", rf"{_S}eyJ[A-Za-z0-9_-]{{8,}}\.(eyJ[A-Za-z0-9_-]{{8,}}(\.[A-Za-z0-9_-]{{6,}})?|[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)"),
    ("a private key", "private putty", r"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----|PuTTY-User-Key-File-\d"),
    ("a private key", '"kty" \'kty\'', r"""["']kty["'].{0,2000}["'][dk]["']\s*:\s*["'][A-Za-z0-9_-]{20,}|["'][dk]["']\s*:\s*["'][A-Za-z0-9_-]{20,}.{0,2000}["']kty["']"""),
    ("a token in a URL", "http", rf"https?://{_OPEN}(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{{20,}}@[\w.-]+|https?://\S+[?&](?i:(access_?token|api_?key|auth_?token|token|apikey|client_secret|password|key|appid|subscription-key|sig|signature)={_OPEN}(?=[A-Za-z_-]*\d)[A-Za-z0-9_.~%-]{{12,}}|code=(?=\S*\d)[A-Za-z0-9_/%=-]{{40,}})"),
    ("a token in a URL", "token= secret= apikey= api_key= api-key=", rf"[?&](?!(?i:page|next|cont|cursor|sync))(?i:[\w-]*(token|secret|api[_-]?key))={_OPEN}(?=[A-Za-z_-]*\d)[A-Za-z0-9_.~%-]{{16,}}"),
    ("a token in a URL", "/t/ /token/ /key/ /apikey/ /api-key/ /auth/", r"https?://\S*/(t|token|key|apikey|api-key|auth)/(?=[^/\s]*\d)(?=[^/\s]*[A-Z])(?=[^/\s]*[a-z])[A-Za-z0-9_-]{20,}"),
    ("a webhook with its key", "hook", rf"https?://\S*/(web)?hooks?(-test)?/([\w-]+/){{0,4}}({_UUID}|(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{{20,}})"),
    ("a bearer token", "bearer", r"(?i:\bbearer)\s+(?=\S*\d)[A-Za-z0-9._~+/-]{16,}=*"),
    ("a basic authorisation", "basic", r"(?i:\bbasic)\s+(?=\S*[A-Z])(?=\S*[0-9+/=])[A-Za-z0-9+/]{12,}={0,2}(?![\w])"),
    ("a password in a connection string", "pwd password", r"(?i)(?<![A-Za-z])(pwd|password)\s*=\s*(?![<{$%*.\[(]|None\b|os\.|getpass|input)[^;\s'\"=()]{4,}\s*;|;\s*(pwd|password)\s*=\s*(?![<{$%*.\[(])[^;\s'\"()]{4,}"),
    ("a DSN with a password", "password", rf"(?i)\b(host|dbname|user)\s*=\s*\S+\s.*\bpassword\s*=\s*{_OPEN}(?![\w.]*\()[^\s'\"]{{4,}}"),
    ("a DSN with a password", "password", rf"(?i)\bpassword={_OPEN}[^\s'\"(),]{{4,}}\s+(?:\S+=\S+\s+)*(host|dbname|user)=\S"),
    ("a password in a URL's query", "password= passwd= pwd=", rf"(?i)[?&;](?:password|passwd|pwd)={_OPEN}[^&;\s'\"]{{4,}}"),
    ("a password of netrc", "login", rf"\b(?i:login)\s+\S+\s+(?i:password)\s+{_OPEN}\S{{4,}}"),
    ("a password given to a command", "-p", rf"\b(login|mysql|mysqldump|mysqladmin|sshpass|mongo(sh|dump|import|export)?|mosquitto_(pub|sub)|sqlcmd|bcp|vsql|cqlsh|clickhouse-client|kinit|htpasswd|zip|unzip|7z|sqoop)\b.*\s-[pP]\s?{_OPEN}['\"]?(?=\S*\d)\S{{6,}}"),
    ("a password given to a command", "sshpass zip openssl kinit stdin sudo", rf"\b(?:sshpass\s+-p|(?:un)?zip\b[^|&\n]*?\s-P|openssl\s+enc\b[^|&\n]*?\s-k)\s*{_WORD}|\b(?:echo|printf)\s+{_WORD}['\"]?\s*\|\s*(?:kinit\b|sudo\s+-\w*S|\S.*--password-stdin)"),
    ("a password given to a command", "-v", rf"\s-n\s+\S*(?:key|token|password|secret)\s+-v\s+{_TYPED}"),
    ("a password given to a command", "-p -w -a", rf"(?<!\S)(-u|-U|-n|-D|--user|--username|--login)[\s=]?['\"]?[A-Za-z][\w.@\\:=/,-]*['\"]?\s+(?:\S+\s+){{0,6}}?-(p|P|w|a|pw|pass)[\s=]?{_TYPED}"),
    ("a password given to a command", "redis-cli ldap openssl cryptsetup", rf"\b(redis-cli\b.*\s-a|ldap\w+\b.*\s-w|openssl\b.*\s-k|keydb-cli\b.*\s-a)\s+{_TYPED}"),
    ("a password given to a command", "sqlplus expdp impdp sqlldr lftp smbclient rpcclient isql net htpasswd", rf"\b(?:(?:sqlplus|expdp|impdp|sqlldr)\b.*?\s\w+/|lftp\b.*\s-u\s*['\"]?\w+,|(?:smb|rpc)client\b.*\s-U\s*['\"]?[\w.\\-]+%|isql\s+\S+\s+\S+\s+|net use\b.*?\s(?=\S+\s+/user:)|htpasswd\b.*?\s-\w*b\w*\s(?:.*\s)?\S+\s+\S+\s+){_TYPED}"),
    ("a password given to a command", "echo printf", rf"\b(echo|printf)\s+(-\w+\s+)?['\"]?(\w+:)?{_TYPED}['\"]?\s*\|\s*(sudo\s+-\w*S|su\b|chpasswd|passwd|kinit|cryptsetup|\S.*-(stdin|fd)\b)"),
    ("a password given to a command", "config ssh-keygen", rf"\bconfig\b.*\s(http-basic\.\S+\s+\S+|(?i:\S*(password|token|secret|_auth)))\s+{_TYPED}|\bssh-keygen\b.*\s-[NP]\s*{_TYPED}"),
    ("a key of a node in its address", "infura alchemy quiknode quicknode getblock drpc", r"https?://[\w.-]*(infura|alchemy|alchemyapi|quiknode|quicknode|getblock|drpc)\.\w+/(\w+/)*(?=[^/\s]*\d)[A-Za-z0-9_-]{30,}"),
    ("a password of pgpass", ":5432: :5433: :5434: :6432: :5439: :*:", rf"(?m)(?:^|(?<=[\s'\"]))[\w.*-]+:(\d{{2,5}}|\*):[^:\s]+:[^:\s]+:{_OPEN}(?=\S*[A-Za-z])[^:\s'\"]{{4,}}(?=['\"\s]|$)"),
    ("a password before a host", "@", rf"(?<![\w/:.-])(?!(?i:e?-?mail|mailto|from|to|cc|user|contact|sip|xmpp|git|ssh)\b)[A-Za-z][\w.-]*:{_OPEN}(?=[^\s@]*\d)(?=[^\s@]*[A-Za-z])[^\s:/@'\"]{{6,}}@[\w.-]+:\d{{2,5}}\b"),
    ("a credential given to curl", "curl wget http", rf"\b(curl|wget|https?)\b.*\s(-u|--user|-a|--auth|--proxy-user|-U)[\s=]*['\"]?{_OPEN}[^\s:'\"/]+:{_OPEN}(?!//)[^\s'\"]{{3,}}"),
    ("a password given to openssl", "pass:", rf"(?i)-(pass(in|out)?|k)\s+['\"]?pass:{_OPEN}[^\s'\"]{{4,}}"),
    ("a password in SQL", "pragma", rf"(?i)\bpragma\s+(hex)?(re)?key\s*=\s*['\"]{_OPEN}[^'\"]{{6,}}['\"]"),
    ("a password in SQL", "identified by password", rf"(?i)\b(identified (with \w+ )?by|with (login )?(encrypted )?password|set password for \S+)\s*=?\s*'{_OPEN}(?!\w*password)[^'\s{{]{{6,}}'"),
    ("a password in SQL", "identified password secret", rf"(?i)\b(create|alter|grant|identified|set password|with|options|copy|unload|attach|change (master|replication)|import|backup|restore)\b[^;]{{0,400}}?\b(identified (with \w+ )?by|password|secret)\s*(=|\bto\b|\bas\b)?\s*['\"](?=[^'\"]*\d){_OPEN}[^'\"\s{{]{{6,}}['\"]"),
)  # fmt: skip

KINDS: tuple[tuple[str, str, str], ...] = (
    *_CLOUDS, *_MODELS, *_DATA, *_CODE, *_WATCHING, *_MESSAGES, *_MONEY, *_COMMON
)  # fmt: skip
