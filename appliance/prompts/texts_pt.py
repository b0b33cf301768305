"""The prompts in Portuguese.

The wording is Brazilian, as is the voice.
"""

from __future__ import annotations

PORTUGUESE = {
    "no_wifi": "Estou sem rede. Por favor, verifique o roteador.",
    "no_internet": "A rede está sem internet. Verifique o roteador.",
    "captive_portal": "Esta rede pede um login. Entre com um telefone.",
    "clock_wrong": "Meu relógio está errado. Verifique a data e a hora.",
    "tls_failed": "A conexão não é segura. Por favor, verifique a rede.",
    "service_away": "O serviço não responde. Vou continuar tentando.",
    "offline_now": "Estou sem conexão agora. Vou continuar tentando.",
    "still_offline": "Ainda não há conexão. Por favor, verifique a rede.",
    "back_online": "Estou conectado de novo.",
    "answer_lost": "A resposta foi cortada. Pergunte de novo, por favor.",
    "no_answer": "Não veio resposta. Pergunte de novo, por favor.",
    "speech_dropped": "Suas palavras não chegaram. Repita, por favor.",
    "speech_partly_lost": "Foi longo demais. O começo se perdeu.",
    "key_missing": "Falta a chave de acesso. Coloque nas configurações.",
    "key_invalid": "A chave de acesso não é aceita. Verifique, por favor.",
    "quota": "O crédito acabou. Por favor, verifique a conta.",
    "account": "A conta está fechada. Use outra chave.",
    "model_gone": "O modelo de voz não existe mais. Escolha outro.",
    "outdated": "Meu programa é muito antigo. Atualize, por favor.",
    "service_refused": "O serviço recusou. Verifique as configurações.",
    "rate_limited": "Perguntas demais. Espere um minuto.",
    "service_trouble": "O serviço está com problemas. Pergunte mais tarde.",
    "tool_failed": "Não consegui terminar. Pergunte de novo, por favor.",
    "too_short": "Segure o botão enquanto fala.",
    "microphone_missing": "Não encontro microfone. Por favor, conecte um.",
    "microphone_lost": "O microfone sumiu. Por favor, verifique a conexão dele.",
    "microphone_back": "O microfone voltou a funcionar.",
    "microphone_silent": "Não ouço nada. Por favor, verifique o microfone.",
    "microphone_clipping": "Está muito alto. Fale de mais longe.",
    "speaker_back": "O alto-falante voltou a funcionar.",
    "button_stuck": "O botão parece preso. Por favor, verifique.",
    "disk_full": "O cartão de memória está cheio. Libere espaço.",
    "memory_high": "Estou com pouca memória. Talvez eu reinicie logo.",
    "too_hot": "Estou quente demais. Preciso de um pouco de ar.",
    "undervoltage": "A fonte de energia é fraca. Use uma mais forte.",
    "settings_invalid": "Há uma configuração errada. Verifique, por favor.",
    "update_pending": "Há uma atualização. É preciso instalar.",
    "cost_warning": "Oitenta por cento do orçamento de hoje já foi gasto.",
    "cost_stop": "O orçamento de hoje acabou. Volte amanhã.",
}
